"""One admitted association: what the node does from its request to its end."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime

import structlog
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from ich_node.config.settings import Source
from ich_node.ledger import ReceiverLedger
from ich_node.ledger.counts import ASSOCIATIONS, Tally
from ich_node.network.acceptor.service import CStoreEvent, StoreOperation
from ich_node.network.acceptor.transfer_syntaxes import accept_also, accept_only
from ich_node.network.storage_commitment import record_answer
from ich_node.receive.admission import Admission, Caller, Place
from ich_node.receive.commitment_provider import CommitmentProvider
from ich_node.receive.completion import Completion
from ich_node.receive.discard import DiscardedObject, is_other_storage
from ich_node.receive.negotiation import SELECTION_CONTEXTS
from ich_node.receive.selection_store import SelectionService
from ich_node.receive.store import StoreService

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What all associations share."""

    admission: Admission
    store: StoreService
    completion: Completion
    commitment: CommitmentProvider
    selections: SelectionService
    ledger: ReceiverLedger
    clock: Callable[[], datetime]
    counts: Tally


@dataclass(frozen=True, kw_only=True)
class AdmittedAssociation:
    """An association with its source: the acceptor's AssociationService. discarded: the number of
    objects that were answered with Success and not kept, by SOP class.
    """

    caller: Caller
    place: Place
    services: Services
    discarded: Counter[str] = field(default_factory=Counter)

    @property
    def source(self) -> Source:
        return self.place.source

    @property
    def _is_for_selections(self) -> bool:
        """Whether it calls the AE title of [verdicts], not that of [scp]."""
        return self.services.selections.is_called(self.caller.called_ae)

    def event_handlers(self) -> list[EventHandlerType]:
        return [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_N_ACTION, self._on_commitment_request),
            (evt.EVT_N_EVENT_REPORT, self._on_commitment_report),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]

    def begin_store(self, event: CStoreEvent) -> StoreOperation:
        if self._is_for_selections:
            return self.services.selections.begin(event, self.source)
        sop_class_uid = event.context.abstract_syntax
        if self.source.other_classes == "discard" and is_other_storage(sop_class_uid):
            self.discarded[sop_class_uid] += 1
            return DiscardedObject.begin(event, self.services.store.scp)
        return self.services.store.begin(event, self.source)

    def started(self, association: Association) -> None:
        self.place.association = association

    def failed(self) -> None:
        self.services.admission.give_back(self.place)

    def _on_requested(self, event: Event) -> None:
        """EVT_REQUESTED: the request was decoded."""
        log.info("association_admitted", source=self.source.name, **asdict(self.caller))
        if self._is_for_selections:
            accept_only(event.assoc, SELECTION_CONTEXTS)
        elif self.source.other_classes == "discard":
            accept_also(event.assoc, is_other_storage)

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
        result = name.removeprefix("association_")
        self.services.counts.add(ASSOCIATIONS, result=result, reason="", source=self.source.name)
        log.info(name, source=self.source.name, calling_ae=self.caller.calling_ae)
        for sop_class_uid, count in self.discarded.items():
            log.info(
                "objects_discarded",
                source=self.source.name,
                sop_class_uid=sop_class_uid,
                count=count,
            )
        try:
            close_series(event.assoc, self.source)
        # Upstream would swallow it. The series become ready at the time that their last object
        # wrote to the ledger.
        except Exception:
            log.exception("series_not_closed", source=self.source.name)
