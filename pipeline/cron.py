"""When a schedule's cron fires, by the clock on the wall of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from kerasline.pipeline.schedule_options import ScheduleOptions

LATE = timedelta(hours=6)  # a tick that was missed by less than this is made up for, once


class WallClockTrigger(CronTrigger):
    """A cron line, as cron itself treats the days on which the clocks change.

    Where they are set back, a line with fixed hours fires in the first of the two equal hours and not again in the
    second. Where they are set forward, a time that the clocks skip fires as soon as they have.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Returns the first tick from now on."""
        due = super().get_next_fire_time(previous_fire_time, now)
        while due is not None and due.fold and not self._is_hourly():
            due = super().get_next_fire_time(None, (due.astimezone(UTC) + timedelta(seconds=1)).astimezone(due.tzinfo))
        # Through UTC, a time that the clocks skip becomes the one that they show.
        return None if due is None else due.astimezone(UTC).astimezone(due.tzinfo)

    def _is_hourly(self) -> bool:
        (hour,) = (field for field in self.fields if field.name == "hour")
        return str(hour).startswith("*")


def make_trigger(schedule: ScheduleOptions) -> CronTrigger:
    """Makes the trigger of a schedule."""
    return WallClockTrigger.from_crontab(schedule.cron, ZoneInfo(schedule.timezone))


def missed_tick(schedule: ScheduleOptions, last: datetime, now: datetime) -> bool:
    """Says whether the cron fired between the last decision and now, and not too long ago."""
    since = max(last, now - LATE) + timedelta(seconds=1)
    due = make_trigger(schedule).get_next_fire_time(None, since)
    return due is not None and due <= now
