"""candlecast: honest forecasts of the next hour's price change of crypto pairs."""
