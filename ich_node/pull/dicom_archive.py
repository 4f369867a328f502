"""C-FIND and C-MOVE of the study root (PS3.4 C). What C-MOVE asks for arrives at this node's own
listener, as whatever the source sends: there is one way in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom.association import Association

from ich_node.config.query import DicomQuery
from ich_node.config.settings import Source, TlsSettings
from ich_node.dicom.transfer_syntaxes import SENT_TRANSFER_SYNTAXES
from ich_node.errors import PeerUnavailable
from ich_node.network.requestor import association_with
from ich_node.pull.archive import MOST_MATCHES, Level, Matches

# Study Root Query/Retrieve Information Model (PS3.4 C.6.2)
FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
PENDING = (0xFF00, 0xFF01)
SUCCESS, CANCELLED, SOME_FAILED, DESTINATION_UNKNOWN = 0x0000, 0xFE00, 0xB000, 0xA801
# Between two responses of a C-MOVE: a tape may have to be mounted.
MOVE_SECONDS = 600.0

# PS3.4 tables C.4-1 and C.4-2. {ours}: the destination of the C-MOVE.
STATUSES = {
    0xA700: "it is out of resources",
    0xA701: "it is out of resources: it cannot count the matches",
    DESTINATION_UNKNOWN: (
        "it does not know the move destination '{ours}': add this AE title with this node's"
        " host and [scp] port to its configuration"
    ),
    0xA900: "it does not understand our query",
    0x0122: "it does not know this query (SOP class)",
    0x0124: "it does not let us ask: its administrator must allow it",
}
ANY_OTHER = {
    "C-FIND": "it cannot do it; its log says why",
    "C-MOVE": (
        "it cannot send: does `ich-node receive` run, and does the source know '{ours}' with this"
        " node's host and [scp] port? Its log says more"
    ),
}


@dataclass(frozen=True, kw_only=True)
class DicomArchive:
    """move_destination: the AE title of our listener."""

    source: Source
    query: DicomQuery
    move_destination: str
    tls: TlsSettings

    @contextmanager
    def search(self) -> Iterator["DicomSearch"]:
        """See Archive."""
        with self._associated(FIND) as association:
            yield DicomSearch(association=association, calling_ae=self._calling_ae)

    def retrieve(self, study_instance_uid: str, series_instance_uid: str, /) -> str:
        """See Archive."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "SERIES"
        identifier.StudyInstanceUID = study_instance_uid
        identifier.SeriesInstanceUID = series_instance_uid
        with self._associated(MOVE) as association:
            association.dimse_timeout = association.network_timeout = MOVE_SECONDS
            final = Dataset()
            for answer, _ in association.send_c_move(identifier, self.move_destination, MOVE):
                final = answer
                _status(answer, "C-MOVE", self._calling_ae)
        return self._explained(final)

    def _explained(self, answer: Dataset) -> str:
        status, failed = answer.Status, answer.get("NumberOfFailedSuboperations") or 0
        if status == SUCCESS and not failed:
            return ""
        if failed and status in (SUCCESS, SOME_FAILED):
            sent = answer.get("NumberOfCompletedSuboperations") or 0
            return f"the source could send {sent} and not {failed} of the objects"
        return _sentence("C-MOVE", answer, self.move_destination)

    @property
    def _calling_ae(self) -> str:
        return self.query.calling_ae_title or self.move_destination

    @contextmanager
    def _associated(self, sop_class: str) -> Iterator[Association]:
        with association_with(
            self.query.peer(self.source.name, self.source.ae_title),
            calling_ae=self._calling_ae,
            sop_classes=[sop_class],
            transfer_syntaxes=SENT_TRANSFER_SYNTAXES,
            tls=self.tls,
        ) as association:
            yield association


@dataclass(frozen=True, kw_only=True)
class DicomSearch:
    """One association for all questions."""

    association: Association
    calling_ae: str

    def find(self, level: Level, query: Dataset, /) -> Matches:
        """See SourceSearch."""
        query.QueryRetrieveLevel = level
        if not self.association.is_established:
            raise PeerUnavailable("the source ended the association before this query")
        found: list[Dataset] = []
        is_cancelled = False
        for answer, match in self.association.send_c_find(query, FIND):
            status = _status(answer, "C-FIND", self.calling_ae)
            if status in PENDING:
                if match is None:
                    raise PeerUnavailable("a match of the source cannot be decoded")
                if len(found) < MOST_MATCHES:
                    found.append(match)
                elif not is_cancelled:
                    self.association.send_c_cancel(1, query_model=FIND)
                    is_cancelled = True
            elif is_cancelled:
                return Matches(datasets=found, cut_off=f"more than {MOST_MATCHES} matches")
            elif status == CANCELLED or (status == 0xA700 and found):
                cut_off = f"the source ended its answer at {len(found)} matches (its own limit)"
                return Matches(datasets=found, cut_off=cut_off)
            elif status != SUCCESS:
                raise PeerUnavailable(_sentence("C-FIND", answer, self.calling_ae))
        return Matches(datasets=found)


def _status(answer: Dataset, what: str, calling_ae: str) -> int:
    """Raises PeerUnavailable if there is none: the association broke, or nothing came in time."""
    if "Status" not in answer:
        raise PeerUnavailable(
            f"the source did not answer {what}, or broke the association: does it let"
            f" '{calling_ae}' ask?"
        )
    status: int = answer.Status
    return status


def _sentence(what: str, answer: Dataset, ours: str) -> str:
    """The status in words. The source's own comment may quote the query, and is left out."""
    words = STATUSES.get(answer.Status, ANY_OTHER[what]).format(ours=ours)
    return f"the source answers {what} with 0x{answer.Status:04X}: {words}"
