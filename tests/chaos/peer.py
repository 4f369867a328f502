"""A destination with moods: it takes, refuses, aborts, is silent, or takes and loses."""

import hashlib
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event

from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from tests.support.peers import (
    COMPREHENSIVE_3D_SR,
    KEY_OBJECTS,
    PRESENTATION_STATE,
    SECONDARY_CAPTURE,
    close_in_the_end,
    free_port,
)

MOODS = ("takes", "takes", "out of resources", "cannot understand", "aborts", "silent", "loses")
STATUSES = {
    "out of resources": 0xA700,
    "cannot understand": 0xC000,
    "aborts": 0x0110,
    "silent": 0x0110,
}


@dataclass(kw_only=True)
class Peer:
    """kept: SOP Instance UID to the hashes of the data sets that it took under it. faults: how
    often it was in a mood.
    """

    ae_title: str
    node_port: int
    commits: bool
    port: int = field(default_factory=free_port)
    mood: str = "takes"
    kept: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    faults: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        entity = AE(self.ae_title)
        for sop_class in (
            SECONDARY_CAPTURE,
            COMPREHENSIVE_3D_SR,
            PRESENTATION_STATE,
            KEY_OBJECTS,
            PUSH_MODEL,
        ):
            entity.add_supported_context(
                sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
            )
        handlers = [
            (evt.EVT_CONN_OPEN, close_in_the_end),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._action),
        ]
        self._server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=handlers
        )

    def stop(self) -> None:
        for association in self._server.active_associations:
            association.abort()
        self._server.shutdown()

    def _store(self, event: Event) -> int:
        mood = self.mood
        if mood == "loses" and not self.commits:  # who is not asked to commit has no way to say so
            mood = "takes"
        if mood != "takes":
            self.faults[mood] += 1
        if mood == "silent":
            time.sleep(2)
        if mood in ("aborts", "silent"):
            event.assoc.abort()
        if mood == "takes":
            data = event.request.DataSet.getvalue()
            self.kept[str(event.request.AffectedSOPInstanceUID)].add(
                hashlib.sha256(data).hexdigest()
            )
        return STATUSES.get(mood, 0x0000)

    def _action(self, event: Event) -> tuple[int, None]:
        question = event.action_information
        threading.Thread(target=self._answer, args=(question,), daemon=True).start()
        return 0x0000, None

    def _answer(self, question: Dataset) -> None:
        """Call the node back; if it is away, the answer is lost."""
        report = Dataset()
        report.TransactionUID = question.TransactionUID
        kept = [
            item
            for item in question.ReferencedSOPSequence
            if item.ReferencedSOPInstanceUID in self.kept
        ]
        lost = [
            item
            for item in question.ReferencedSOPSequence
            if item.ReferencedSOPInstanceUID not in self.kept
        ]
        for item in lost:
            item.FailureReason = 0x0112
        report.ReferencedSOPSequence, report.FailedSOPSequence = kept, lost
        entity = AE(self.ae_title)
        entity.add_requested_context(PUSH_MODEL, ExplicitVRLittleEndian)
        role = build_role(PUSH_MODEL, scp_role=True)
        association = entity.associate(
            "127.0.0.1", self.node_port, ae_title="ICHNODE", ext_neg=[role]
        )
        if association.is_established:
            association.send_n_event_report(
                report, 2 if lost else 1, PUSH_MODEL, PUSH_MODEL_INSTANCE
            )
            association.release()
