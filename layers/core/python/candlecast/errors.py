"""What can go wrong, classed by what the caller should do.

CandlecastError
├── Retry                   a passing fault: the same call may succeed later
│   ├── ExchangeUnavailable     timeout, reset or 5xx from an exchange
│   ├── ExchangeThrottled       an exchange asked us to wait
│   ├── WriteConflict           another writer was first, more often than we try again
│   ├── LakeUnavailable         S3 does not read or write for now
│   └── NotDelivered            the event bus did not take an event
└── Stop                    the same call will fail again
    ├── BadRequest              the caller's input is wrong
    ├── BadSettings             settings.yaml is wrong
    ├── BadEvent                an event or a direct invocation does not follow its contract
    ├── NotFound                what was asked for does not exist
    ├── ExchangeRefused         this exchange will not serve it (region, symbol, hours long past): ask the next one
    ├── TooLittleData           not enough candles or settled hours for what was asked
    ├── BadBundle               a model bundle that cannot be trusted or read
    ├── LawBroken               a feature does not keep what its declaration promises
    └── SuspectedLeak           a model scores better than any that does not know the future

Every message says what was wrong and what to do about it.
Step Functions retries and catches by these class names: they are part of the contract with retrain.asl.json.
"""

from collections.abc import Mapping


class CandlecastError(Exception):
    """The root of all errors that candlecast raises on purpose."""


class Retry(CandlecastError):
    """A passing fault: the same call may succeed later."""


class ExchangeUnavailable(Retry):
    """An exchange did not answer, or answered with a fault of its own."""


class ExchangeThrottled(Retry):
    """An exchange asked us to wait."""


class WriteConflict(Retry):
    """Another writer changed the object first, in every one of our attempts."""


class LakeUnavailable(Retry):
    """S3 did not answer, or refused to read or write an object. What is stored is whole."""


class NotDelivered(Retry):
    """The event bus did not take an event."""


class Stop(CandlecastError):
    """The same call will fail again; a person or a different call is needed."""


class BadRequest(Stop):
    """The caller's input is wrong."""


class BadSettings(Stop):
    """settings.yaml has a wrong or unknown key, or cannot be read."""


class BadEvent(Stop):
    """An event or a direct invocation does not follow its contract."""


class NotFound(Stop):
    """What was asked for does not exist."""


class ExchangeRefused(Stop):
    """This exchange will not serve this request (region, unknown symbol, hours long past): ask the next one."""


class TooLittleData(Stop):
    """Not enough candles or settled hours for what was asked."""


class BadBundle(Stop):
    """A model bundle that cannot be trusted or read."""


class LawBroken(Stop):
    """A feature looks ahead, remembers too long or leaks over a gap: nothing may be trained on it."""


class SuspectedLeak(Stop):
    """A model scores better than any that does not know the future: it must not be registered."""


def combined(failures: Mapping[str, Exception], asked: int) -> Exception:
    """One error for the symbols that failed of *asked*: the only one itself, else one that says whether to retry."""
    if asked == 1:
        return next(iter(failures.values()))
    hopeless = all(isinstance(error, Stop) for error in failures.values())
    told = "; ".join(f"{symbol}: {type(error).__name__}: {error}" for symbol, error in failures.items())
    return (Stop if hopeless else Retry)(f"{len(failures)} of {asked} symbols failed: {told}")
