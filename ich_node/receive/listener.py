"""The SCP: listens, admits the sources in the configuration, keeps what they send, and says when a
series is complete.
"""

import contextlib
import gc
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

import structlog
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from ich_node.config.settings import ScpSettings, SeriesSettings, Source, TlsSettings
from ich_node.errors import ConfigError
from ich_node.ledger import ReceiverLedger
from ich_node.network.acceptor.c_store import CStoreEvent
from ich_node.network.acceptor.guard import Guard
from ich_node.network.acceptor.server import Server, TlsServer
from ich_node.network.acceptor.waiting_room import Door, WaitingRoom
from ich_node.network.certificate import certificate_ends
from ich_node.network.storage_commitment import record_answer
from ich_node.network.tls import server_context, subject_of
from ich_node.processes.siblings import BACKLOG, Inheritance, Siblings
from ich_node.processes.systemd import READY, tell_systemd
from ich_node.receive.admission import Admission, Caller, Rejection, admit
from ich_node.receive.commitment_provider import Commitment
from ich_node.receive.completion import Completion
from ich_node.receive.incoming_object import Arrivals
from ich_node.receive.negotiation import acceptor, prefer_as_proposed
from ich_node.receive.status import Status, StoreResponse
from ich_node.receive.store import Store
from ich_node.spool import Spool

Kind = TypeVar("Kind", bound=Server)
STOP_SECONDS = 5.0
# So long one that is over a limit may take to hang up.
REJECTED_SECONDS = 1.0
# No object takes that long to write: what is older was left by a process that died.
HALF_WRITTEN_FOR = timedelta(hours=1)

TLS_OFF = TlsSettings()
TICK_SECONDS = 0.5
CERTIFICATE_CHECK = timedelta(days=1)

log = structlog.get_logger(__name__)


def receive_forever(
    scp: ScpSettings,
    sources: Sequence[Source],
    series: SeriesSettings,
    spool: Spool,
    ledger: ReceiverLedger,
    clock: Callable[[], datetime],
    stop: threading.Event,
    tls: TlsSettings = TLS_OFF,
    reload: threading.Event | None = None,
    inheritance: Inheritance | None = None,
) -> None:
    """Listen until stop is set; take new certificates when reload is. Raises ConfigError if a port
    cannot be had.

    inheritance: of one of several receivers.
    """
    reload = reload or threading.Event()
    gc.freeze()  # what was imported stays: each collection looks only at what associations left
    spool.sweep_temporaries(clock() - HALF_WRITTEN_FOR)
    with Listener(scp, sources, series, spool, ledger, clock, tls, inheritance) as listener:
        tell_systemd(READY)
        checked_at = None
        while not stop.wait(TICK_SECONDS):
            if reload.is_set():
                reload.clear()
                listener.reload_certificates()
            if checked_at is None or clock() - checked_at > CERTIFICATE_CHECK:
                checked_at = clock()
                listener.warn_of_expiry()


class Listener:
    """A running SCP, as a context manager. Port 0 takes a free one: see `port` and `tls_port`."""

    def __init__(
        self,
        scp: ScpSettings,
        sources: Sequence[Source],
        series: SeriesSettings,
        spool: Spool,
        ledger: ReceiverLedger,
        clock: Callable[[], datetime],
        tls: TlsSettings = TLS_OFF,
        inheritance: Inheritance | None = None,
    ) -> None:
        self._inherited = deque(inheritance.listening if inheritance else ())
        siblings = Siblings(inheritance.memory, inheritance.place) if inheritance else None
        self._scp = scp
        self._tls = tls
        self._ledger = ledger
        self._clock = clock
        self._sources = sources
        self._vestibule = WaitingRoom(scp.acse_timeout_seconds, clock, siblings)
        self._guard = Guard(scp, Arrivals(scp, spool), self._on_store)
        self._admission = Admission(scp, sources, clock)
        self._completion = Completion(ledger, series, scp.idle_timeout_seconds, clock)
        self._store = Store(series, ledger, self._completion, clock)
        self._commitment = Commitment(scp.ae_title, spool, ledger, self._completion, clock)
        self._plain: Server | None = None
        self._secure: TlsServer | None = None

    @property
    def port(self) -> int:
        assert self._plain is not None, "nothing listens without TLS"
        return int(self._plain.server_address[1])

    @property
    def tls_port(self) -> int:
        assert self._secure is not None, "nothing listens with TLS"
        return int(self._secure.server_address[1])

    def __enter__(self) -> Self:
        entity = acceptor(self._scp)
        self._vestibule.start()
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._close)
            if not self._tls.required:
                self._plain = self._serve(entity, self._scp.port, Server)
            if self._tls.is_on:
                self._secure = self._serve(entity, self._tls.port, TlsServer)
            on_failure.pop_all()
        return self

    def _serve(self, entity: AE, port: int, kind: type[Kind]) -> Kind:
        address = (self._scp.bind_address, port)
        handlers: list[EventHandlerType] = [
            (evt.EVT_CONN_CLOSE, self._guard.on_close),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
            (evt.EVT_N_ACTION, self._on_commitment_asked),
            (evt.EVT_N_EVENT_REPORT, self._on_commitment),
        ]
        inherited = self._inherited.popleft() if self._inherited else None
        made: Any = partial(kind, inherited=inherited)  # make_server calls it, whatever it is
        try:
            server = entity.make_server(address, evt_handlers=handlers, server_class=made)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}"
            ) from error
        assert isinstance(server, kind)
        server.guard, server.vestibule, server.turn_away = (
            self._guard,
            self._vestibule,
            self._turn_away,
        )
        if isinstance(server, TlsServer):
            server.ssl_context = server_context(self._tls)
        assert server.socket is not None
        server.socket.listen(BACKLOG)
        self._vestibule.open(
            Door(
                listening=server.socket,
                accepted=server.accepted,
                connections=lambda: server.connections,
            )
        )
        listens = {
            "address": address[0],
            "port": server.server_address[1],
            "tls": issubclass(kind, TlsServer),
        }
        log.info("listening", ae_title=self._scp.ae_title, sources=len(self._sources), **listens)
        return server

    def reload_certificates(self) -> None:
        """What lies in the files of [tls] holds from the next connection on; if it cannot be used,
        what held before.
        """
        if self._secure is None:
            return
        try:
            self._secure.ssl_context = server_context(self._tls)
        except ConfigError as error:
            log.error("certificates_not_reloaded", detail=error.detail)
        else:
            log.info("certificates_reloaded")
        self.warn_of_expiry()

    def warn_of_expiry(self) -> None:
        """Say in the log that the certificate runs out, before it does."""
        if self._secure is None:
            return
        now = self._clock()
        try:
            left = certificate_ends(self._tls, now=now) - now
        except ConfigError as error:
            log.error("certificate_unusable", detail=error.detail)
            return
        if left < timedelta(days=self._tls.warn_days):
            log.warning("certificate_expires", days=left.days)

    def __exit__(self, *_: object) -> None:
        """No new associations; the open ones get STOP_SECONDS to end by themselves."""
        self._close()
        log.info("stopped_listening", ae_title=self._scp.ae_title)

    def _close(self) -> None:
        servers = [server for server in (self._plain, self._secure) if server is not None]
        self._vestibule.close()
        for server in servers:
            server.server_close()
        deadline = time.monotonic() + STOP_SECONDS
        while any(server.active_associations for server in servers) and time.monotonic() < deadline:
            time.sleep(0.02)
        for server in servers:
            for association in server.active_associations:
                association.abort()

    def _turn_away(self, request: bytes, address: str, connection: socket.socket) -> bytes:
        """The A-ASSOCIATE-RJ for who may not come in; nothing for who may. Costs no thread."""
        caller = Caller.of(request, address, subject_of(connection))
        verdict = self._admission.identify(caller)
        if isinstance(verdict, Source):
            return b""
        if verdict is not Rejection.STRANGER_TOO_OFTEN:  # a flood must not become one of the log
            log.warning("association_rejected", rule=verdict.rule, **asdict(caller))
        return verdict.pdu

    def _on_requested(self, event: Event) -> None:
        """EVT_REQUESTED: a place for it, or none. Without an admission nothing is stored, whatever
        happens here.
        """
        association: Association = event.assoc
        request = association.requestor.primitive
        transport = association.dul.socket
        assert request is not None
        caller = Caller(
            calling_ae=request.calling_ae_title,
            called_ae=request.called_ae_title,
            address=association.requestor.address,
            certificate_subject=subject_of(transport and transport.socket),
        )
        source = admit(caller, self._scp.ae_title, self._sources)
        verdict = (
            self._admission.admit(association, source) if isinstance(source, Source) else source
        )
        known = asdict(caller)
        if verdict is not None:
            log.warning("association_rejected", rule=verdict.rule, **known)
            association.dul.artim_timer.timeout = REJECTED_SECONDS
            association.acse.send_reject(*verdict.answer)
            association.kill()
        else:
            assert isinstance(source, Source)
            prefer_as_proposed(association, request)
            log.info("association_admitted", source=source.name, **known)

    def _on_store(self, event: CStoreEvent) -> StoreResponse:
        return self._store.answer(event, self._admission.source_of(event.assoc))

    def _on_commitment_asked(self, event: Event) -> tuple[int, None]:
        """A source asks what we keep of its objects."""
        return self._commitment.on_question(event, self._admission.source_of(event.assoc))

    def _on_commitment(self, event: Event) -> tuple[int, None]:
        """A destination says what it keeps of our results."""
        if self._admission.source_of(event.assoc) is None:
            return Status.NOT_AUTHORISED, None
        return record_answer(event, self._ledger.commitments, self._clock)

    def _on_released(self, event: Event) -> None:
        self._end(event.assoc, self._completion.released, "association_released")

    def _on_aborted(self, event: Event) -> None:
        self._end(event.assoc, self._completion.aborted, "association_aborted")

    def _end(
        self, association: Association, ended: Callable[[Association, Source], None], what: str
    ) -> None:
        source = self._admission.end(association)
        if source is None:
            return
        log.info(what, source=source.name, calling_ae=association.requestor.ae_title)
        try:
            ended(association, source)
        # pynetdicom would swallow it; the ledger still holds the time that the last arrival wrote
        except Exception:
            log.exception("series_not_closed", source=source.name)
