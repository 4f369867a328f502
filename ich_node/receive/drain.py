"""`ich-node drain`: associations that could bring objects are rejected, the open ones finish."""

import struct
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog

from ich_node.dicom.identity import VERIFICATION
from ich_node.errors import Unavailable
from ich_node.ledger import PauseLedger
from ich_node.ledger.pause_watch import PauseWatch
from ich_node.ledger.pauses import RECEIVING
from ich_node.network.storage_commitment import PUSH_MODEL

# What brings no objects. A destination tells by storage commitment what it keeps of our results.
HARMLESS = {str(VERIFICATION), str(PUSH_MODEL)}
STILL_OPEN = timedelta(seconds=3)
SAY_AGAIN = timedelta(seconds=1)
FIRST_ITEM_AT = 74  # of an A-ASSOCIATE-RQ (PS3.8 table 9-11)
PRESENTATION_CONTEXT, ABSTRACT_SYNTAX = 0x20, 0x30

log = structlog.get_logger(__name__)


class Drain:
    """is_on: as of the last look at the ledger, which `look` does."""

    def __init__(self, *, ledger: PauseLedger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._watch = PauseWatch(ledger=ledger, concerns=lambda target: target == RECEIVING)
        self._said_until: datetime | None = None

    @property
    def is_on(self) -> bool:
        return self._watch.is_paused(RECEIVING)

    def look(self, *, open_associations: int) -> None:
        """A ledger that does not answer changes nothing. While associations are open the ledger is
        told so: the command that waits does not see them.
        """
        now = self._clock()
        try:
            self._watch.look(now)
            if not self.is_on or not open_associations:
                self._said_until = None
            elif self._said_until is None or self._said_until - now <= STILL_OPEN - SAY_AGAIN:
                self._ledger.still_receiving(until=now + STILL_OPEN)
                self._said_until = now + STILL_OPEN
        except Unavailable as error:
            log.warning("drain_not_known", detail=error.detail)


def may_bring_objects(request: bytes) -> bool:
    """Whether this A-ASSOCIATE-RQ asks for more than Verification and storage commitment."""
    asked = set(_abstract_syntaxes(request))
    return not asked or not asked <= HARMLESS


def _abstract_syntaxes(request: bytes) -> Iterator[str]:
    """Those of its presentation contexts (PS3.8 tables 9-13 and 9-14), as far as they are whole."""
    for kind, context in _items(request[FIRST_ITEM_AT:]):
        if kind == PRESENTATION_CONTEXT:
            for inner, value in _items(context[4:]):
                if inner == ABSTRACT_SYNTAX:
                    yield value.decode("latin-1").strip("\0 ")


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each item; what is cut off is the last."""
    while len(data) >= 4:
        kind, length = struct.unpack_from(">BxH", data)
        yield kind, data[4 : 4 + length]
        data = data[4 + length :]
