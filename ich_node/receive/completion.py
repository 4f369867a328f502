"""When is a series complete? DICOM does not say; this rule does.

While an association is open its series wait. When it is released, a geometrically complete stack
that it brought alone is ready at once. If others brought some of it, it waits a short grace (yet
another may bring more); any other stack waits the quiet time. A slice that comes later all the same
makes a new revision. After an abort the quiet time always holds: the sender will come again. The
ledger caps every wait. Nothing here must survive a crash: each arrival already wrote a time to the
ledger by which the series is ready if this process is never heard of again.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from pynetdicom.association import Association

from ich_node.config.settings import SeriesSettings, Source
from ich_node.dicom.geometry import stack_is_complete
from ich_node.ledger import Instance, ReceiverLedger


class Completion:
    """Which open association carries which series, and what its end means for them."""

    def __init__(
        self,
        ledger: ReceiverLedger,
        series: SeriesSettings,
        idle_timeout_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._series = series
        self._idle_timeout = timedelta(seconds=idle_timeout_seconds)
        self._clock = clock
        # of each open association: its series, and their objects that it brought
        self._carried: dict[Association, dict[str, set[str]]] = {}
        self._lock = threading.Lock()

    def arrives(
        self, association: Association, series_instance_uid: str, sop_instance_uid: str
    ) -> None:
        """Must be called before the ledger knows of the object: from then on, no other
        association's end shortens the wait.
        """
        with self._lock:
            self._carried.setdefault(association, {}).setdefault(series_instance_uid, set()).add(
                sop_instance_uid
            )

    def ready_while_open(self, source: Source, now: datetime) -> datetime:
        """Later than this association can stay silent, and then the quiet time."""
        return now + self._idle_timeout + self._quiet(source)

    def released(self, association: Association, source: Source) -> None:
        """The peer said that it is done."""
        self._ended(association, source, trust_geometry=True)

    def aborted(self, association: Association, source: Source) -> None:
        """The association broke; what was acknowledged stays."""
        self._ended(association, source, trust_geometry=False)

    def closed(self, association: Association, instances: Collection[Instance]) -> None:
        """The sender named these objects as all that there are: series that hold no others need not
        wait.
        """
        named: dict[str, set[str]] = defaultdict(set)
        for instance in instances:
            named[instance.series_instance_uid].add(instance.sop_instance_uid)
        with self._lock:
            others = [
                series
                for other, series in self._carried.items()
                if other is not association and other.is_alive()
            ]
            for series_instance_uid, uids in sorted(named.items()):
                carried_elsewhere = any(series_instance_uid in series for series in others)
                if (
                    not carried_elsewhere
                    and self._ledger.open_instances(series_instance_uid) <= uids
                ):
                    self._carried.get(association, {}).pop(series_instance_uid, None)
                    self._ledger.set_ready([series_instance_uid], ready_at=self._clock())

    def _ended(self, association: Association, source: Source, *, trust_geometry: bool) -> None:
        # Under the lock to its end: an object that arrives meanwhile must find its series extended,
        # not shortened after it.
        with self._lock:
            mine = self._carried.pop(association, {})
            self._carried = {
                other: series for other, series in self._carried.items() if other.is_alive()
            }
            now = self._clock()
            for series_instance_uid in sorted(mine.keys() - set().union(*self._carried.values())):
                wait = self._quiet(source)
                if trust_geometry and stack_is_complete(
                    self._ledger.series_positions(series_instance_uid)
                ):
                    brought_alone = (
                        self._ledger.open_instances(series_instance_uid)
                        <= mine[series_instance_uid]
                    )
                    wait = (
                        timedelta(0)
                        if brought_alone
                        else timedelta(seconds=self._series.grace_seconds)
                    )
                self._ledger.set_ready([series_instance_uid], ready_at=now + wait)

    def _quiet(self, source: Source) -> timedelta:
        return timedelta(
            seconds=self._series.quiet_seconds
            if source.quiet_seconds is None
            else source.quiet_seconds
        )
