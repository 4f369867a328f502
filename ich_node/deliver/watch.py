"""Whether the destinations answer: each is asked once a minute, unless it has just taken something.

Asking may take as long as a connection that times out. So each question has a thread, and the task
that begins them returns at once.
"""

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from datetime import datetime, timedelta

import structlog

from ich_node.config.destinations import Destination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import look
from ich_node.errors import ConfigError, Unavailable
from ich_node.ledger.destination_states import DestinationStateLedger
from ich_node.network.requestor import TLS_OFF

LOOK_EVERY = timedelta(seconds=10)
ASK_EVERY = timedelta(minutes=1)
TOOK_SOMETHING = "it took a result"

log = structlog.get_logger(__name__)


class DestinationWatch:
    """calling_ae: our AE title. clock: the node's."""

    def __init__(
        self,
        *,
        ledger: DestinationStateLedger,
        destinations: Sequence[Destination],
        calling_ae: str,
        clock: Callable[[], datetime],
        tls: TlsSettings = TLS_OFF,
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._calling_ae = calling_ae
        self._clock = clock
        self._tls = tls
        self._lock = threading.Lock()
        self._heard: dict[str, datetime] = {}
        self._asking: dict[str, threading.Thread] = {}

    def heard(self, name: str) -> None:
        """A destination took something now."""
        with self._lock:
            self._heard[name] = self._clock()

    def run(self, now: datetime) -> int:
        """Begin to ask those that were not heard of for a minute; 0: nothing is changed here.
        Raises Unavailable.
        """
        states = {each.destination: each for each in self._ledger.all()}
        if set(states) - {each.name for each in self._destinations}:
            self._ledger.keep_only([each.name for each in self._destinations])
        for destination in self._destinations:
            state = states.get(destination.name)
            with self._lock:
                heard = self._heard.pop(destination.name, None)
            if heard is not None and (state is None or heard > state.asked_at):
                self._keep(destination.name, is_up=True, detail=TOOK_SOMETHING, at=heard)
            elif state is None or not timedelta(0) <= now - state.asked_at < ASK_EVERY:
                self._ask(destination)
        return 0

    def wait(self) -> None:
        """Until nobody is being asked."""
        for thread in list(self._asking.values()):
            thread.join()

    def _ask(self, destination: Destination) -> None:
        before = self._asking.get(destination.name)
        if before is not None and before.is_alive():
            return
        thread = threading.Thread(
            target=copy_context().run,
            args=(self._asked, destination),
            name=f"ask {destination.name}",
            daemon=True,
        )
        self._asking[destination.name] = thread
        thread.start()

    def _asked(self, destination: Destination) -> None:
        try:
            answer = look(destination, self._calling_ae, self._tls)
            is_up, detail = answer.ok, answer.detail
        except ConfigError as error:
            is_up, detail = False, error.detail
        try:
            self._keep(destination.name, is_up=is_up, detail=detail, at=self._clock())
        except Unavailable as error:
            log.warning("destination_state_not_kept", detail=error.detail)

    def _keep(self, name: str, *, is_up: bool, detail: str, at: datetime) -> None:
        """The log has changes only."""
        before = self._ledger.answered(name, is_up=is_up, detail=detail, now=at)
        if before is None and is_up:
            return
        if before is None or before.is_up != is_up:
            tell = log.info if is_up else log.warning
            tell("destination_up" if is_up else "destination_down", destination=name, detail=detail)
