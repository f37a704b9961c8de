"""The market: a stand-in exchange that speaks real exchanges' public REST dialects.

It serves recorded candles or a simulated market, keeps to a clock that a replay can set, and misbehaves when told to.
`python -m localstack.market --port 4567 --market simulated`
"""
