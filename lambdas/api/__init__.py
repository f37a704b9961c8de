"""api: the forecasts and the state of the platform over HTTP."""
