"""One admitted association: what the node does from its request to its end."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from ich_node.config.settings import Source
from ich_node.ledger import ReceiverLedger
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.network.storage_commitment import record_answer
from ich_node.receive.admission import Admission, Caller, Place
from ich_node.receive.commitment_provider import CommitmentProvider
from ich_node.receive.completion import Completion
from ich_node.receive.store import ObjectStore, StoreService

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What all associations share."""

    admission: Admission
    store: StoreService
    completion: Completion
    commitment: CommitmentProvider
    ledger: ReceiverLedger
    clock: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class AdmittedAssociation:
    """An association with its source: the acceptor's AssociationService."""

    caller: Caller
    place: Place
    services: Services

    @property
    def source(self) -> Source:
        return self.place.source

    def event_handlers(self) -> list[EventHandlerType]:
        return [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_N_ACTION, self._on_commitment_request),
            (evt.EVT_N_EVENT_REPORT, self._on_commitment_report),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]

    def begin_store(self, event: CStoreEvent) -> ObjectStore:
        return self.services.store.begin(event, self.source)

    def started(self, association: Association) -> None:
        self.place.association = association

    def failed(self) -> None:
        self.services.admission.give_back(self.place)

    def _on_requested(self, _: Event) -> None:
        """EVT_REQUESTED: the request was decoded."""
        log.info("association_admitted", source=self.source.name, **asdict(self.caller))

    def _on_commitment_request(self, event: Event) -> tuple[int, None]:
        """EVT_N_ACTION: the source asks whether we keep its objects."""
        return self.services.commitment.on_request(event, self.source)

    def _on_commitment_report(self, event: Event) -> tuple[int, None]:
        """EVT_N_EVENT_REPORT: a destination says which of our results it keeps."""
        record = self.services.ledger.commitments.commitment_answered
        return record_answer(event, record=record, clock=self.services.clock)

    def _on_released(self, event: Event) -> None:
        self._end(event, "association_released", self.services.completion.released)

    def _on_aborted(self, event: Event) -> None:
        self._end(event, "association_aborted", self.services.completion.aborted)

    def _end(
        self, event: Event, name: str, close_series: Callable[[Association, Source], None]
    ) -> None:
        if not self.services.admission.give_back(self.place):
            return  # upstream may report the end of an association twice
        log.info(name, source=self.source.name, calling_ae=self.caller.calling_ae)
        try:
            close_series(event.assoc, self.source)
        # Upstream would swallow it. The series become ready at the time that their last object
        # wrote to the ledger.
        except Exception:
            log.exception("series_not_closed", source=self.source.name)
