"""ingest: closed candles in, features beside them, CandlesStored out."""
