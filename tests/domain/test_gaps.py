"""The gap record: what is missing, exactly, whatever the order in which runs have looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlecast.gaps import Gap, GapRecord
from candlecast.hours import HOUR

START = datetime(2024, 3, 1, tzinfo=UTC)


def at(hour: int) -> datetime:
    return START + hour * HOUR


def gap(start: int, end: int, *asked: str) -> Gap:
    return Gap(start=at(start), end=at(end), asked=asked)


def looked(record: GapRecord, start: int, end: int, *missing: int, asked: tuple[str, ...] = ("coinbase",)) -> GapRecord:
    return record.replaced(at(start), at(end), [at(hour) for hour in missing], asked)


EMPTY = GapRecord()


def test_before_the_first_run_nothing_is_known_and_nothing_is_missing() -> None:
    assert (EMPTY.since, EMPTY.until, EMPTY.gaps, EMPTY.hours) == (None, None, (), 0)


def test_neighbouring_missing_hours_are_one_gap_with_whom_was_asked() -> None:
    record = looked(EMPTY, 0, 10, 3, 4, 5, 8, asked=("coinbase", "bitstamp"))
    assert record.gaps == (gap(3, 6, "bitstamp", "coinbase"), gap(8, 9, "bitstamp", "coinbase"))
    assert record.hours == 4
    assert [hour for hour in range(10) if record.missing(at(hour))] == [3, 4, 5, 8]


def test_a_later_run_that_finds_the_candles_closes_the_gap() -> None:
    assert looked(looked(EMPTY, 0, 10, 3, 4, 5), 0, 10) == looked(EMPTY, 0, 10)


def test_a_run_inside_a_gap_splits_it_and_names_all_that_were_asked() -> None:
    before = looked(EMPTY, 0, 10, *range(2, 8))
    after = looked(before, 4, 6, 4, asked=("bitstamp",))
    assert after.gaps == (gap(2, 4, "coinbase"), gap(4, 5, "bitstamp", "coinbase"), gap(6, 8, "coinbase"))


def test_what_lies_between_two_looked_at_ranges_is_missing_and_never_asked_for() -> None:
    record = looked(looked(EMPTY, 10, 12), 0, 4)
    assert record.gaps == (gap(4, 10),)
    assert looked(record, 4, 10) == looked(EMPTY, 0, 12)


def test_hours_missing_at_the_very_start_are_where_the_history_begins_and_no_gap_in_it() -> None:
    record = looked(looked(EMPTY, 0, 10, 0, 1, 2, 7), 0, 2, 0, 1, asked=("bitstamp",))
    assert record.inner == (gap(7, 8, "coinbase"),)
    assert record.hours == 1
    assert record.missing(at(0))
    assert looked(EMPTY, 0, 3, 0, 1, 2).inner == ()


def test_finding_the_same_again_is_the_same_record_whatever_the_order_of_exchanges() -> None:
    record = looked(EMPTY, 0, 10, 3, asked=("coinbase", "bitstamp"))
    assert looked(record, 0, 10, 3, asked=("bitstamp", "coinbase")).model_dump_json() == record.model_dump_json()


def test_times_of_any_zone_are_kept_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    record = EMPTY.replaced(at(0).astimezone(berlin), at(2).astimezone(berlin), [at(1).astimezone(berlin)], ["binance"])
    assert record == looked(EMPTY, 0, 2, 1, asked=("binance",))
    assert '"start":"2024-03-01T01:00:00Z"' in record.model_dump_json()


def test_a_record_reads_back_as_it_was_written() -> None:
    record = looked(looked(EMPTY, 0, 10, 3, 4), 20, 30, 29)
    assert GapRecord.model_validate_json(record.model_dump_json()) == record


def test_a_missing_hour_outside_of_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="2024-03-01T10:00:00Z"):
        looked(EMPTY, 0, 10, 10)


ranges = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda r: (r[0], r[0] + r[1]))


@given(st.lists(st.tuples(ranges, st.sets(st.integers(0, 100))), min_size=1, max_size=8))
def test_each_hour_is_as_the_last_run_that_looked_at_it_left_it(runs: list[tuple[tuple[int, int], set[int]]]) -> None:
    record = EMPTY
    present: dict[int, bool] = {}
    for (start, end), missing in runs:
        record = looked(record, start, end, *sorted(missing & set(range(start, end))))
        present |= {hour: hour not in missing for hour in range(start, end)}
    since, until = min(present), max(present) + 1
    assert (record.since, record.until) == (at(since), at(until))
    assert [h for h in range(since, until) if record.missing(at(h))] == [
        h for h in range(since, until) if not present.get(h, False)
    ]
    assert all(a.end < b.start or a.asked != b.asked for a, b in zip(record.gaps, record.gaps[1:], strict=False))
    assert all(a.end <= b.start for a, b in zip(record.gaps, record.gaps[1:], strict=False))
