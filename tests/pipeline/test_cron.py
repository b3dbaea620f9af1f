"""When a cron line fires: missed ticks, and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kerasline.pipeline.cron import make_trigger, missed_tick
from kerasline.pipeline.schedule_options import ScheduleOptions

BERLIN = "Europe/Berlin"


def ticks(cron: str, timezone: str, first: str, last: str) -> list[str]:
    """Lists the ticks between two days by a clock that is moved from one to the next: local time, then UTC."""
    zone = ZoneInfo(timezone)
    trigger = make_trigger(ScheduleOptions(cron=cron, timezone=timezone))
    now, end = (datetime.fromisoformat(day).replace(tzinfo=zone) for day in (first, last))
    found = []
    while True:
        due = trigger.get_next_fire_time(None, now)
        assert due is not None
        if due.timestamp() >= end.timestamp():
            return found
        found.append(f"{due.astimezone(zone):%d. %H:%M}, {due.astimezone(UTC):%H:%M} UTC")
        now = (due.astimezone(UTC) + timedelta(seconds=1)).astimezone(zone)


def test_a_daily_tick_in_the_hour_that_comes_twice_fires_once() -> None:
    assert ticks("30 2 * * *", BERLIN, "2026-10-24", "2026-10-27") == [
        "24. 02:30, 00:30 UTC",
        "25. 02:30, 00:30 UTC",
        "26. 02:30, 01:30 UTC",
    ]
    assert ticks("30 1 * * *", "America/New_York", "2026-10-31", "2026-11-03") == [
        "31. 01:30, 05:30 UTC",
        "01. 01:30, 05:30 UTC",
        "02. 01:30, 06:30 UTC",
    ]


def test_a_daily_tick_in_the_hour_that_is_skipped_still_fires() -> None:
    assert ticks("30 2 * * *", BERLIN, "2026-03-28", "2026-03-31") == [
        "28. 02:30, 01:30 UTC",
        "29. 03:30, 01:30 UTC",
        "30. 02:30, 00:30 UTC",
    ]


def test_an_hourly_tick_fires_every_hour_that_passes() -> None:
    autumn = ticks("0 * * * *", BERLIN, "2026-10-25", "2026-10-26")
    spring = ticks("0 * * * *", BERLIN, "2026-03-29", "2026-03-30")
    assert (len(autumn), len(spring)) == (25, 23)
    assert autumn[2:4] == ["25. 02:00, 00:00 UTC", "25. 02:00, 01:00 UTC"]


def test_missed_ticks() -> None:
    """A tick between the last decision and now is missed, unless it is long ago."""
    nightly = ScheduleOptions(cron="0 3 * * *")
    at = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert missed_tick(nightly, at - timedelta(hours=24), at + timedelta(minutes=5))
    assert not missed_tick(nightly, at, at + timedelta(minutes=5))
    assert not missed_tick(nightly, at - timedelta(hours=24), at + timedelta(hours=7))


@pytest.mark.parametrize(("minutes", "is_missed"), [(29, False), (31, True), (89, False), (91, False)])
def test_a_scheduler_that_starts_in_the_hour_that_comes_twice_makes_up_for_one_tick(
    minutes: int, is_missed: bool
) -> None:
    """At 02:30 of either hour: of the first it is missed if nothing was decided since, the second is no tick."""
    schedule = ScheduleOptions(cron="30 2 * * *", timezone=BERLIN)
    midnight = datetime(2026, 10, 25, 0, tzinfo=UTC)
    last = midnight if minutes < 60 else midnight + timedelta(minutes=31)
    assert missed_tick(schedule, last, midnight + timedelta(minutes=minutes)) is is_missed
