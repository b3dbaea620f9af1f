"""When a schedule's cron fires, by the clock on the wall of its time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from kerasline.pipeline.config.schedule.cron_line import WEEKDAYS, CronLine, Part, parse_cron

if TYPE_CHECKING:
    from kerasline.pipeline.config.schedule.options import ScheduleOptions

LATE = timedelta(hours=6)  # a tick that was missed by less than this is made up for, once
_FURTHEST_SHIFT = timedelta(hours=3)  # no zone moves its clocks by more
_NEXT = timedelta(seconds=1)


class WallClockTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A cron line, as cron itself treats the days on which the clocks change.

    Where they are set back, a line with fixed hours fires in the first of the two equal hours and not again in the
    second. Where they are set forward, a time that the clocks skip fires as soon as they have. APScheduler's own
    triggers count on a clock that is never moved, and what it shows is then looked up in the zone.
    """

    def __init__(self, cron: str, zone: ZoneInfo) -> None:
        line = parse_cron(cron)
        self._wall, self._zone, self._by_the_hour = _wall_trigger(line), zone, line.is_by_the_hour

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Returns the first tick from now on, later than the one before, in the schedule's zone."""
        start = now.astimezone(UTC)
        if previous_fire_time is not None:
            start = max(start, previous_fire_time.astimezone(UTC) + _NEXT)
        best: datetime | None = None
        for wall in self._ticks(start.astimezone(self._zone).replace(tzinfo=None) - _FURTHEST_SHIFT):
            if best is not None and wall > best.astimezone(self._zone).replace(tzinfo=None) + _FURTHEST_SHIFT:
                break
            # Where the clocks are set forward, a skipped time may come after one that reads later.
            best = min(
                [*([best] if best else []), *(due for due in self._instants(wall) if due >= start)], default=None
            )
        return None if best is None else best.astimezone(self._zone)

    def _ticks(self, wall: datetime) -> Iterator[datetime]:
        """Yields the times that a clock on the wall has to show, from one on."""
        due = self._wall.get_next_fire_time(None, wall.replace(tzinfo=UTC))
        while due is not None:
            yield due.replace(tzinfo=None)
            due = self._wall.get_next_fire_time(None, due + _NEXT)

    def _instants(self, wall: datetime) -> list[datetime]:
        """Returns when the clocks of the zone show a time: once, or twice, or never, which counts as after the gap."""
        first, second = (wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first.astimezone(self._zone).replace(tzinfo=None) != wall:
            return [] if self._by_the_hour else [first]
        return [first, second] if second != first and self._by_the_hour else [first]


def _wall_trigger(line: CronLine) -> BaseTrigger:
    """Makes the trigger of a clock that is never moved."""
    times = {"minute": _numbers(line.minute), "hour": _numbers(line.hour), "month": _numbers(line.month)}
    day, weekday = _numbers(line.day), _weekdays(line.weekday)
    if line.joins_days_by_or:
        by_day, by_weekday = (
            CronTrigger(**times, day=day, timezone=UTC),
            CronTrigger(**times, day_of_week=weekday, timezone=UTC),
        )
        return OrTrigger([by_day, by_weekday])
    return CronTrigger(**times, day=day, day_of_week=weekday, timezone=UTC)


def _numbers(parts: tuple[Part, ...]) -> str:
    if any(part.is_star and part.step == 1 for part in parts):
        return "*"
    return ",".join(map(str, sorted(set().union(*(part.values() for part in parts)))))


def _weekdays(parts: tuple[Part, ...]) -> str:
    """Names the days, since APScheduler counts them from Monday."""
    days = {value % len(WEEKDAYS) for part in parts for value in part.values()}
    return ",".join(WEEKDAYS[day] for day in sorted(days))


def make_trigger(schedule: ScheduleOptions) -> WallClockTrigger:
    """Makes the trigger of a schedule."""
    return WallClockTrigger(schedule.cron, ZoneInfo(schedule.timezone))


def missed_tick(schedule: ScheduleOptions, last: datetime, now: datetime) -> bool:
    """Says whether the cron fired between the last decision and now, and not too long ago.

    A decision from the future was made by a clock that has been set back since, so it says nothing of what was missed.
    """
    since = (now - LATE if last > now else max(last, now - LATE)) + _NEXT
    due = make_trigger(schedule).get_next_fire_time(None, since)
    return due is not None and due <= now
