"""drift: whether the forecasts are still good, a retraining if not, and the promotion of what it made."""
