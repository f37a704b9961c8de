"""predict: a forecast of the next hour from the newest features, and what became of the earlier ones."""
