"""When is a series complete? DICOM does not say; these rules do.

While an association is open its series wait. When it is released, a geometrically complete stack
that it brought alone is ready at once. If other associations brought some of it, it waits a short
grace time, because yet another one may bring more. Any other stack waits the quiet time. After an
abort the quiet time always holds, because the sender will send again; without blood the answer is
then undetermined, until an association that brings the series is released. An association that fell
silent after a complete stack is no broken transfer: some senders never release. A slice that comes
later makes a new revision. The ledger limits every wait.

Nothing here must survive a crash: each object wrote a time to the ledger at which its series is
ready if this process never reports the end of the association.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from ich_node.config.settings import SeriesSettings, Source, StudySettings
from ich_node.dicom.geometry import stack_is_complete
from ich_node.ledger import Instance, ReceiverLedger
from ich_node.network.acceptor.service import Transfer


class Completion:
    """Which open association brings which series, and when they are ready after its end."""

    def __init__(
        self,
        *,
        ledger: ReceiverLedger,
        series: SeriesSettings,
        study: StudySettings,
        idle_timeout_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self.use(series=series, study=study)
        self._idle_timeout = timedelta(seconds=idle_timeout_seconds)
        self._clock = clock
        # for each open association the SOP Instance UIDs that it brought, by Series Instance UID
        self._brought: dict[Transfer, dict[str, set[str]]] = {}
        self._last_at: dict[Transfer, datetime] = {}
        self._lock = threading.Lock()

    def use(self, *, series: SeriesSettings, study: StudySettings) -> None:
        """From the next end of an association on."""
        self._series = series
        # a better reconstruction of the same acquisition may follow
        waits = study.reconstructions == "best"
        self._for_a_better = timedelta(seconds=study.wait_seconds if waits else 0)

    def object_arrives(
        self, association: Transfer, series_instance_uid: str, sop_instance_uid: str
    ) -> None:
        """Must be called before the object is in the ledger: from then on, the end of another
        association does not shorten the wait of the series.
        """
        with self._lock:
            series = self._brought.setdefault(association, {})
            series.setdefault(series_instance_uid, set()).add(sop_instance_uid)
            self._last_at[association] = self._clock()

    def ready_while_open(self, source: Source, now: datetime) -> datetime:
        """When a series is ready if its association falls silent: after the idle timeout and the
        quiet time.
        """
        return now + self._idle_timeout + self._quiet_time(source)

    def released(self, association: Transfer, source: Source) -> None:
        """The sender has sent all it wanted to."""
        self._ended(association, source, aborted=False)

    def aborted(self, association: Transfer, source: Source) -> None:
        """The association broke; what was acknowledged stays, and the series is not known to be
        whole until another association brings it to its end.
        """
        self._ended(association, source, aborted=True)

    def committed(self, association: Transfer, instances: Collection[Instance]) -> None:
        """The sender asked for commitment of these objects: series without any others are ready."""
        named: dict[str, set[str]] = defaultdict(set)
        for instance in instances:
            named[instance.series_instance_uid].add(instance.sop_instance_uid)
        with self._lock:
            others = [
                series
                for other, series in self._brought.items()
                if other is not association and other.is_alive()
            ]
            for series_instance_uid, uids in sorted(named.items()):
                if any(series_instance_uid in series for series in others):
                    continue
                if self._ledger.open_instances(series_instance_uid) <= uids:
                    self._brought.get(association, {}).pop(series_instance_uid, None)
                    ready_at = self._clock() + self._for_a_better
                    self._ledger.set_ready([series_instance_uid], ready_at=ready_at, aborted=False)

    def _ended(self, association: Transfer, source: Source, *, aborted: bool) -> None:
        # The lock is held to the end: an object that arrives meanwhile must extend the wait after
        # it was shortened here, not before.
        with self._lock:
            mine = self._brought.pop(association, {})
            self._brought = {
                other: series for other, series in self._brought.items() if other.is_alive()
            }
            now = self._clock()
            fell_silent = now - self._last_at.pop(association, now) >= self._idle_timeout
            self._last_at = {
                other: at for other, at in self._last_at.items() if other in self._brought
            }
            for series_instance_uid in sorted(mine.keys() - set().union(*self._brought.values())):
                wait = self._quiet_time(source)
                is_complete = stack_is_complete(self._ledger.series_positions(series_instance_uid))
                broke_off = aborted and not (fell_silent and is_complete)
                if not aborted and is_complete:
                    open_instances = self._ledger.open_instances(series_instance_uid)
                    brought_alone = open_instances <= mine[series_instance_uid]
                    grace = timedelta(seconds=self._series.grace_seconds)
                    wait = timedelta(0) if brought_alone else grace
                ready_at = now + wait + self._for_a_better
                self._ledger.set_ready([series_instance_uid], ready_at=ready_at, aborted=broke_off)
                if not aborted:
                    self._ledger.transfer_completed(series_instance_uid, now=now)

    def _quiet_time(self, source: Source) -> timedelta:
        own = source.quiet_seconds
        return timedelta(seconds=self._series.quiet_seconds if own is None else own)
