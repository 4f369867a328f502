"""The SCP: listens, admits the sources in the configuration, stores what they send, and decides
when a series is complete.
"""

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

import structlog
from pynetdicom import AE

from ich_node.config.settings import (
    ScpSettings,
    SeriesSettings,
    Source,
    StudySettings,
    TlsSettings,
    VerdictSettings,
)
from ich_node.errors import ConfigError
from ich_node.ledger import ReceiverLedger, SearchKey
from ich_node.ledger.counts import ASSOCIATIONS, Tally
from ich_node.network.acceptor.server import Server, TlsServer
from ich_node.network.acceptor.waiting_room import WaitingRoom
from ich_node.network.certificate import certificate_ends
from ich_node.network.tls import server_context, subject_of
from ich_node.processes.systemd import READY, tell_systemd
from ich_node.receive.admission import Admission, Caller, Rejection, named_by
from ich_node.receive.association import AdmittedAssociation, Services
from ich_node.receive.commitment_provider import CommitmentProvider
from ich_node.receive.drain import Drain, may_bring_objects
from ich_node.receive.negotiation import acceptor
from ich_node.receive.selection_store import SelectionService
from ich_node.receive.store import LARGE_OBJECT_WAIT_SECONDS, StoreService
from ich_node.receive.urgent import UrgentRule, UrgentSeries
from ich_node.spool import Spool

Kind = TypeVar("Kind", bound=Server)
STOP_SECONDS = 5.0
# No object takes this long to write: an older temporary file belongs to a process that died.
TEMPORARY_FILES_FOR = timedelta(hours=1)

TLS_OFF = TlsSettings()
ONE_ANSWER = StudySettings()
NO_VERDICTS = VerdictSettings()
TICK_SECONDS = 0.5
CERTIFICATE_CHECK = timedelta(days=1)

log = structlog.get_logger(__name__)


def receive_forever(
    *,
    scp: ScpSettings,
    sources: Sequence[Source],
    series: SeriesSettings,
    spool: Spool,
    ledger: ReceiverLedger,
    search_key: SearchKey,
    clock: Callable[[], datetime],
    stop: threading.Event,
    turn: threading.Event,
    on_turn: "Callable[[Listener], None] | None" = None,
    tls: TlsSettings = TLS_OFF,
    study: StudySettings = ONE_ANSWER,
    urgent_rule: UrgentRule | None = None,
    verdicts: VerdictSettings = NO_VERDICTS,
    counts: Tally | None = None,
    on_start: "Callable[[Listener], None]" = lambda _: None,
) -> None:
    """Listen until stop is set. on_turn: is called when turn is set and stop is not. urgent_rule:
    which rule of the site makes a series urgent, if there are any. on_start: is called when it
    listens.

    Raises ConfigError if a port is not free.
    """
    gc.freeze()  # imported objects stay: each collection looks only at what associations left
    spool.sweep_temporaries(clock() - TEMPORARY_FILES_FOR)
    with Listener(
        scp=scp,
        sources=sources,
        series=series,
        spool=spool,
        ledger=ledger,
        search_key=search_key,
        clock=clock,
        tls=tls,
        study=study,
        urgent_rule=urgent_rule,
        verdicts=verdicts,
        counts=counts,
    ) as listener:
        on_start(listener)
        tell_systemd(READY)
        checked_at = None
        while not stop.wait(TICK_SECONDS):
            listener.look_at_pauses()
            if turn.is_set() and on_turn is not None:
                on_turn(listener)
            if checked_at is None or clock() - checked_at > CERTIFICATE_CHECK:
                checked_at = clock()
                listener.warn_of_expiry()


class Listener:
    """A running SCP, as a context manager. Port 0 takes a free one: see `port` and `tls_port`.

    search_key: None keeps nothing by which a series could be searched.
    """

    def __init__(
        self,
        *,
        scp: ScpSettings,
        sources: Sequence[Source],
        series: SeriesSettings,
        spool: Spool,
        ledger: ReceiverLedger,
        clock: Callable[[], datetime],
        tls: TlsSettings = TLS_OFF,
        study: StudySettings = ONE_ANSWER,
        search_key: SearchKey | None = None,
        urgent_rule: UrgentRule | None = None,
        verdicts: VerdictSettings = NO_VERDICTS,
        large_object_wait_seconds: float = LARGE_OBJECT_WAIT_SECONDS,
        counts: Tally | None = None,
    ) -> None:
        self._counts = counts or Tally()
        self._scp = scp
        self._tls = tls
        self._clock = clock
        self._sources = sources
        self._waiting_room = WaitingRoom(request_seconds=scp.acse_timeout_seconds, clock=clock)
        store = StoreService.of(
            scp=scp,
            series=series,
            study=study,
            spool=spool,
            ledger=ledger,
            search_key=search_key,
            clock=clock,
            urgent=UrgentSeries(urgent_rule),
            large_object_wait_seconds=large_object_wait_seconds,
            counts=self._counts,
        )
        completion = store.completion
        self._services = Services(
            admission=Admission(scp=scp, sources=sources, clock=clock, label_ae=verdicts.ae_title),
            store=store,
            completion=completion,
            commitment=CommitmentProvider(
                ae_title=scp.ae_title, spool=spool, ledger=ledger, completion=completion
            ),
            selections=SelectionService(
                settings=verdicts, scp=scp, ledger=ledger.verdicts, clock=clock
            ),
            ledger=ledger,
            clock=clock,
            counts=self._counts,
        )
        self._drain = Drain(ledger=ledger.pauses, clock=clock)
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

    @property
    def is_accepting(self) -> bool:
        """Not while an operator has the node drained."""
        return not self._drain.is_on

    @property
    def open_associations(self) -> int:
        return self._services.admission.open_associations

    @property
    def ports(self) -> dict[str, int]:
        """On which it listens: port, tls_port."""
        return {
            name: int(server.server_address[1])
            for name, server in (("port", self._plain), ("tls_port", self._secure))
            if server is not None
        }

    def __enter__(self) -> Self:
        self.look_at_pauses()  # before the first association
        entity = acceptor(self._scp)
        self._waiting_room.start()
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._close)
            if not self._tls.required:
                self._plain = self._bind(entity, self._scp.port, Server)
                self._listen(self._plain, is_tls=False)
            if self._tls.is_on:
                self._secure = self._bind(entity, self._tls.port, TlsServer)
                self._secure.ssl_context = server_context(self._tls)
                self._listen(self._secure, is_tls=True)
            on_failure.pop_all()
        return self

    def _bind(self, entity: AE, port: int, kind: type[Kind]) -> Kind:
        """Raises ConfigError if the port is not free."""
        address = (self._scp.bind_address, port)
        make_server: Any = entity.make_server  # it is typed for upstream's own class alone
        try:
            server: Kind = make_server(address, server_class=kind)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}"
            ) from error
        return server

    def _listen(self, server: Server, *, is_tls: bool) -> None:
        server.scp = self._scp
        server.waiting_room = self._waiting_room
        server.admit = self._admit
        server.listen()
        log.info(
            "listening",
            ae_title=self._scp.ae_title,
            sources=len(self._sources),
            address=self._scp.bind_address,
            port=server.server_address[1],
            tls=is_tls,
        )

    def use(
        self,
        *,
        sources: Sequence[Source],
        series: SeriesSettings,
        study: StudySettings,
        tls: TlsSettings,
        urgent_rule: UrgentRule | None = None,
    ) -> None:
        """From the next association on. Those that are open end with the settings of their source
        as they were. tls: with the same port.
        """
        self._sources, self._tls = sources, tls
        self._services.admission.use(sources)
        self._services.completion.use(series=series, study=study)
        store = replace(self._services.store, series=series, urgent=UrgentSeries(urgent_rule))
        self._services = replace(self._services, store=store)
        self.reload_certificates()

    def look_at_pauses(self) -> None:
        """Whether an operator has the node drained."""
        self._drain.look(open_associations=self.open_associations)

    def reload_certificates(self) -> None:
        """Use the files of [tls] as they are now, from the next connection on; if they cannot be
        used, go on with those loaded before.
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
        """Write to the log that the certificate expires within [tls] warn_days."""
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
        """No new associations; the open ones have STOP_SECONDS to end by themselves."""
        self._close()
        log.info("stopped_listening", ae_title=self._scp.ae_title)

    def _close(self) -> None:
        servers = [server for server in (self._plain, self._secure) if server is not None]
        self._waiting_room.close()
        for server in servers:
            server.server_close()
        deadline = time.monotonic() + STOP_SECONDS
        while any(server.active_associations for server in servers) and time.monotonic() < deadline:
            time.sleep(0.02)
        for server in servers:
            for association in server.active_associations:
                association.abort()

    def _admit(
        self, request: bytes, address: str, connection: socket.socket
    ) -> AdmittedAssociation | bytes:
        """The acceptor's Admit: an association, or the A-ASSOCIATE-RJ."""
        caller = Caller.of(request, address, subject_of(connection))
        drained = self._drain.is_on and may_bring_objects(request)
        admitted = self._services.admission.admit(caller, drained=drained)
        if not isinstance(admitted, Rejection):
            return AdmittedAssociation(caller=caller, place=admitted, services=self._services)
        self._counts.add(
            ASSOCIATIONS,
            result="rejected",
            reason=admitted.name.lower(),
            source=named_by(caller, self._sources),
        )
        # a flood of requests must not become a flood of log lines
        if admitted is not Rejection.STRANGER_TOO_OFTEN:
            log.warning("association_rejected", rule=admitted.rule, **asdict(caller))
        return admitted.pdu
