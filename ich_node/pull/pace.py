"""How fast a source is asked for series, and when it may be: a PACS has other work to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ich_node.config.query import QuerySettings


@dataclass(frozen=True, kw_only=True)
class PullPace:
    """is_any_time: the operator set the window aside (--now). Times are local."""

    query: QuerySettings
    is_any_time: bool = False

    def closed(self, now: datetime) -> str:
        """Why nothing is fetched now, and when it will be; '' if it may be."""
        hours = self.query.hours
        local = now.astimezone()
        if self.is_any_time or hours is None or hours.contains(local.time()):
            return ""
        return (
            f"the window of [sources.query] is {hours.start:%H:%M} to {hours.end:%H:%M}, and it is"
            f" {local:%H:%M}: start it again at {hours.start:%H:%M}, or give --now"
        )

    def wait_seconds(self, last_at: datetime | None, now: datetime) -> float:
        """Until the next series may be asked for. last_at: when the last one was."""
        if last_at is None:
            return 0.0
        step = timedelta(minutes=1) / self.query.series_per_minute
        return max(0.0, min((last_at + step - now).total_seconds(), step.total_seconds()))
