"""When a cron line fires: missed ticks, and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from kerasline.pipeline.config.schedule.cron import make_trigger, missed_tick
from kerasline.pipeline.config.schedule.options import ScheduleOptions

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


ZONES = (
    *("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/St_Johns"),
    *("America/Havana", "America/Santiago", "America/Asuncion", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca"),
    *(
        "Australia/Lord_Howe",
        "Australia/Adelaide",
        "Pacific/Auckland",
        "Antarctica/Troll",
        "Asia/Tehran",
        "Asia/Kolkata",
        "UTC",
    ),
)
LINES = ("0 0 * * *", "30 0 * * *", "0 1 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "15 3 * * *", "59 23 * * *")


def minutes_of_the_year(zone: ZoneInfo) -> list[datetime]:
    """Every minute that the clocks of a zone show in 2026, in order."""
    start, end = (datetime(year, 1, 1, tzinfo=zone).astimezone(UTC) for year in (2026, 2027))
    count = round((end - start).total_seconds() / 60)
    return [(start + timedelta(minutes=number)).astimezone(zone) for number in range(count)]


def fired(cron: str, timezone: str) -> list[datetime]:
    """Every tick of 2026, each asked for with the one before, as the scheduler does."""
    zone = ZoneInfo(timezone)
    trigger = make_trigger(ScheduleOptions(cron=cron, timezone=timezone))
    found: list[datetime] = []
    now = datetime(2026, 1, 1, tzinfo=zone)
    while True:
        due = trigger.get_next_fire_time(found[-1] if found else None, now)
        assert due is not None and (not found or due > found[-1])
        if due.year > 2026:
            return found
        found.append(due)
        now = due


@pytest.mark.parametrize("timezone", ZONES)
def test_no_day_of_a_year_is_lost_and_none_comes_twice(timezone: str) -> None:
    """Against every minute of the year: the first that shows the time, or the first after the clocks skipped it."""
    minutes = minutes_of_the_year(ZoneInfo(timezone))
    shown: dict[tuple[int, int, int, int], datetime] = {}
    for minute in minutes:
        shown.setdefault((minute.month, minute.day, minute.hour, minute.minute), minute)
    days = sorted({(minute.month, minute.day) for minute in minutes})
    assert len(days) == 365
    for cron in LINES:
        minute, hour, *_ = map(str, cron.split())
        ticks = fired(cron, timezone)
        assert len(ticks) == 365, cron
        for (month, day), tick in zip(days, ticks, strict=True):
            due = shown.get((month, day, int(hour), int(minute)))
            if due is not None:
                assert tick.astimezone(UTC) == due.astimezone(UTC), (cron, tick)
            else:
                before = tick - timedelta(hours=26)
                assert (tick.month, tick.day) == (month, day), (cron, tick)
                assert before.utcoffset() != tick.utcoffset(), (cron, tick)


def matches(cron: str, moment: datetime) -> bool:
    """Vixie cron's rule, from crontab(5), for the plain values that the lines below are made of."""
    minute, hour, day, month, weekday = (
        [None if part == "*" else part for part in field.split(",")] for field in cron.split()
    )
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    fits = [field == [None] or str(value) in field for field, value in ((minute, moment.minute), (hour, moment.hour))]
    by_day = str(moment.day) in day
    by_weekday = names[moment.weekday()] in weekday
    either = by_day or by_weekday if day != [None] and weekday != [None] else None
    both = (day == [None] or by_day) and (weekday == [None] or by_weekday)
    return all(fits) and (month == [None] or str(moment.month) in month) and (both if either is None else either)


@pytest.mark.parametrize(
    "cron",
    [
        *("0 0 * * mon", "0 3 1,15 * fri", "0 0 13 * fri", "30 4 1 1,7 sun", "0 3 29 2 mon", "0 12 * * sat,sun"),
        *("0 0 31 * *", "15,45 6,18 1,2,3 * *", "0 * * * wed"),
    ],
)
@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_days_of_the_month_and_of_the_week(cron: str, timezone: str) -> None:
    """None of these times falls into an hour that is skipped or comes twice, but for the last line's."""
    expected = [minute for minute in minutes_of_the_year(ZoneInfo(timezone)) if matches(cron, minute)]
    assert [f"{tick:%m-%d %H:%M %z}" for tick in fired(cron, timezone)] == [f"{m:%m-%d %H:%M %z}" for m in expected]


@pytest.mark.parametrize(
    ("cron", "same"),
    [
        ("0 3 * * MON-Fri", "0 3 * * mon,tue,wed,thu,fri"),
        ("0 3 * * sun-tue", "0 3 * * sun,mon,tue"),
        ("0 3 * * fri-sun", "0 3 * * fri,sat,sun"),
        ("0 3 * * mon-fri/2", "0 3 * * mon,wed,fri"),
        ("0 3 * JAN-Mar *", "0 3 * 1,2,3 *"),
        ("0  3\t* *\n*", "0 3 * * *"),
        ("5/20 3 * * *", "5,25,45 3 * * *"),
        ("0 3 */10 * *", "0 3 1,11,21,31 * *"),
        ("0 8-18/5 * * *", "0 8,13,18 * * *"),
        ("0 3 * * *,mon", "0 3 * * *"),
    ],
)
def test_ways_to_write_the_same_line(cron: str, same: str) -> None:
    assert fired(cron, "UTC") == fired(same, "UTC")


def test_a_star_with_a_step_leaves_the_days_joined_by_and() -> None:
    """crontab(5): only fields without a star are joined by "or"."""
    ticks = fired("0 3 */2 * fri", "UTC")
    assert {tick.weekday() for tick in ticks} == {4} and {tick.day % 2 for tick in ticks} == {1}


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 3 * * mon;reboot", "weekday of '0 3 \\* \\* mon;reboot' is wrong: 'mon;reboot' is neither"),
        ("0 3 * jan$(x) *", "the month of"),
        ("0 3 last * *", "'last' is not 1 to 31"),
        ("0 3 * * 5-7", "read.* it as sun,fri,sat"),
        ("0 3 * * 0", "reads it as sun"),
        ("0 3 * * 7", "reads it as sun"),
        ("0 24 * * *", "'24' is not 0 to 23"),
        ("*/0 * * * *", "step"),
        ("*/90 * * * *", "step"),
        ("0 22-2 * * *", "goes backwards; write it as two"),
        ("0 3 * * fri-mon", "goes backwards"),
        ("0 3 0 * *", "'0' is not 1 to 31"),
        ("0 3 * foo *", "or a name such as feb"),
        ("@daily", "expected five fields .* got 1"),
        ("", "expected five fields .* got 0"),
        ("0 ٣ * * *", "'٣' is neither"),
        (f"0 {'9' * 5000} * * *", "is not 0 to 23"),
    ],
)
def test_what_is_no_cron_line(cron: str, message: str) -> None:
    """One sentence of ours, however long the line is."""
    with pytest.raises(ValidationError, match=message) as refused:
        ScheduleOptions(cron=cron)
    assert len(refused.value.errors()[0]["msg"]) < 300


def test_a_decision_from_the_future_hides_no_missed_tick() -> None:
    """The clock was set back by two days since."""
    now = datetime(2026, 3, 2, 3, 5, tzinfo=UTC)
    assert missed_tick(ScheduleOptions(cron="0 3 * * *"), now + timedelta(days=2), now)
