"""One error for many symbols: it tells all, and whether trying again may help."""

from candlecast.errors import BadEvent, CandlecastError, ExchangeUnavailable, Retry, Stop, combined


def test_the_only_symbols_error_is_told_as_it_is() -> None:
    error = ExchangeUnavailable("no answer")
    assert combined({"BTC-USDT": error}, asked=1) is error


def test_many_are_worth_a_retry_if_one_of_them_is() -> None:
    error = combined({"BTC-USDT": ExchangeUnavailable("no answer"), "ETH-USDT": BadEvent("wrong")}, asked=3)
    assert type(error) is Retry
    assert str(error) == "2 of 3 symbols failed: BTC-USDT: ExchangeUnavailable: no answer; ETH-USDT: BadEvent: wrong"


def test_many_that_no_retry_can_help_stop() -> None:
    assert type(combined({"BTC-USDT": BadEvent("wrong"), "ETH-USDT": BadEvent("wrong")}, asked=2)) is Stop


def test_every_error_is_either_to_be_retried_or_to_stop() -> None:
    assert {kind for kind in CandlecastError.__subclasses__() if kind.__module__ == "candlecast.errors"} == {
        Retry,
        Stop,
    }
