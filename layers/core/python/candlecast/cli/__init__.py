"""The command line client of a deployed candlecast. Not part of the Lambda layer."""

from candlecast.cli.commands import app

__all__ = ["app"]
