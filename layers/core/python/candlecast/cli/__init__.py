"""The command line client of a deployed candlecast. Not part of the Lambda layer."""

from candlecast.cli import backtest, features, rollback
from candlecast.cli.commands import app

__all__ = ["app", "backtest", "features", "rollback"]
