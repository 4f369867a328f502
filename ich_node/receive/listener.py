"""The SCP: Verification, CT Image Storage and Enhanced CT Image Storage, for the sources in the configuration only.

Enhanced CT is taken so that the analyser can refuse it by name; a modality that gets no context would only say "failed".
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Self

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage, EnhancedCTImageStorage
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import ThreadedAssociationServer

from ich_node.config import ScpSettings, SeriesSettings, Source
from ich_node.errors import ConfigError
from ich_node.implementation import application_entity
from ich_node.jobs import Jobs
from ich_node.receive.admission import Caller, Rejection, admit
from ich_node.receive.completion import Completion
from ich_node.receive.guard import Guard
from ich_node.receive.store import Store
from ich_node.spool import Spool
from ich_node.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES

VERIFICATION = UID("1.2.840.10008.1.1")
ACCEPTED_SOP_CLASSES = (CTImageStorage, EnhancedCTImageStorage)
CONNECTION_BACKLOG = 128
STOP_SECONDS = 5.0
# No object takes that long to write: what is older was left by a process that died.
HALF_WRITTEN_FOR = timedelta(hours=1)
# Open connections are limited by the guard and by max_associations; pynetdicom's own limit counts silent ones, too.
NO_LIMIT = 1_000_000

log = structlog.get_logger(__name__)


def receive_forever(
    scp: ScpSettings,
    sources: Sequence[Source],
    series: SeriesSettings,
    spool: Spool,
    jobs: Jobs,
    clock: Callable[[], datetime],
    stop: threading.Event,
) -> None:
    """Listen until stop is set. Raises ConfigError if the port cannot be had."""
    spool.sweep_temporaries(clock() - HALF_WRITTEN_FOR)
    with Listener(scp, sources, series, spool, jobs, clock):
        stop.wait()


class Listener:
    """A running SCP, as a context manager. Port 0 takes a free one: see `port`."""

    def __init__(
        self,
        scp: ScpSettings,
        sources: Sequence[Source],
        series: SeriesSettings,
        spool: Spool,
        jobs: Jobs,
        clock: Callable[[], datetime],
    ) -> None:
        self._scp = scp
        self._sources = sources
        self._guard = Guard(scp)
        self._completion = Completion(jobs, series, scp.idle_timeout_seconds, clock)
        self._store = Store(scp, series, spool, jobs, self._completion, clock)
        self._admitted: dict[Association, Source] = {}
        self._lock = threading.Lock()
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        assert self._server is not None, "the listener has not been started"
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        address = (self._scp.bind_address, self._scp.port)
        handlers: list[EventHandlerType] = [
            (evt.EVT_CONN_OPEN, self._guard.on_connection),
            (evt.EVT_CONN_CLOSE, self._guard.on_close),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
            (evt.EVT_C_STORE, self._on_store),
        ]
        try:
            server = _entity(self._scp).start_server(address, block=False, evt_handlers=handlers)
        except OSError as error:
            raise ConfigError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}") from error
        assert isinstance(server, ThreadedAssociationServer)
        assert server.socket is not None
        server.socket.listen(CONNECTION_BACKLOG)
        self._server = server
        log.info("listening", ae_title=self._scp.ae_title, address=address[0], port=self.port, sources=len(self._sources))
        return self

    def __exit__(self, *_: object) -> None:
        """No new associations; the open ones get STOP_SECONDS to end by themselves."""
        assert self._server is not None
        self._server.shutdown()
        self._guard.shut_silent()
        deadline = time.monotonic() + STOP_SECONDS
        while self._server.active_associations and time.monotonic() < deadline:
            time.sleep(0.02)
        for association in self._server.active_associations:
            association.abort()
        log.info("stopped_listening", ae_title=self._scp.ae_title)

    def _on_requested(self, event: Event) -> None:
        """EVT_REQUESTED: admit or reject. Without an admission nothing is stored, whatever happens here."""
        association: Association = event.assoc
        self._guard.on_request(association)
        request = association.requestor.primitive
        assert request is not None
        caller = Caller(
            calling_ae=request.calling_ae_title, called_ae=request.called_ae_title, address=association.requestor.address
        )
        verdict = self._admit(association, caller)
        known = {"calling_ae": caller.calling_ae, "called_ae": caller.called_ae, "address": caller.address}
        if isinstance(verdict, Rejection):
            log.warning("association_rejected", rule=verdict.rule, **known)
            association.acse.send_reject(*verdict.answer)
            association.kill()
        else:
            _prefer_as_proposed(association, request)
            log.info("association_admitted", source=verdict.name, **known)

    def _admit(self, association: Association, caller: Caller) -> Source | Rejection:
        verdict = admit(caller, self._scp.ae_title, self._sources)
        with self._lock:
            self._admitted = {other: source for other, source in self._admitted.items() if other.is_alive()}
            if isinstance(verdict, Rejection):
                return verdict
            if len(self._admitted) >= self._scp.max_associations:
                return Rejection.TOO_MANY
            self._admitted[association] = verdict
        return verdict

    def _on_store(self, event: Event) -> Dataset:
        return self._store.answer(event, self._admitted.get(event.assoc))

    def _on_released(self, event: Event) -> None:
        self._end(event.assoc, self._completion.released, "association_released")

    def _on_aborted(self, event: Event) -> None:
        self._end(event.assoc, self._completion.aborted, "association_aborted")

    def _end(self, association: Association, ended: Callable[[Association, Source], None], what: str) -> None:
        with self._lock:
            source = self._admitted.pop(association, None)
        if source is None:
            return
        log.info(what, source=source.name, calling_ae=association.requestor.ae_title)
        try:
            ended(association, source)
        except Exception:  # pynetdicom would swallow it; the ledger still holds the time that the last arrival wrote
            log.exception("series_not_closed", source=source.name)


def _prefer_as_proposed(association: Association, request: A_ASSOCIATE) -> None:
    """pynetdicom takes the acceptor's order; the sender's first choice is what it holds, so nothing is transcoded on the way."""
    for own in association.acceptor.supported_contexts:
        proposed = [
            str(syntax)
            for context in request.presentation_context_definition_list
            if context.abstract_syntax == own.abstract_syntax
            for syntax in context.transfer_syntax
        ]
        own.transfer_syntax = sorted(
            own.transfer_syntax, key=lambda syntax: proposed.index(syntax) if syntax in proposed else len(proposed)
        )


def _entity(scp: ScpSettings) -> AE:
    entity = application_entity(scp.ae_title)
    entity.maximum_associations = NO_LIMIT
    entity.maximum_pdu_size = scp.max_pdu_bytes
    entity.acse_timeout = scp.acse_timeout_seconds
    entity.dimse_timeout = scp.dimse_timeout_seconds
    entity.network_timeout = scp.idle_timeout_seconds
    entity.add_supported_context(VERIFICATION)
    for sop_class in ACCEPTED_SOP_CLASSES:
        entity.add_supported_context(sop_class, list(ACCEPTED_TRANSFER_SYNTAXES))
    return entity
