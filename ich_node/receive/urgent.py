"""Which series a rule of the site makes urgent, by the header of their first object."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import BinaryIO

import structlog
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.receive.header import Header

PIXEL_DATA = int(Tag("PixelData"))
# Series that still arrive are among the newest of these.
MOST_SERIES = 1_000

# the name of a source and a header -> the rule that makes the series urgent, None if none does
UrgentRule = Callable[[str, Dataset], str | None]

log = structlog.get_logger(__name__)


class UrgentSeries:
    """Judges each series once. rule: None where no rule is about urgent series; then no header is
    read here.
    """

    def __init__(self, rule: UrgentRule | None) -> None:
        self._rule = rule
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self._lock = threading.Lock()

    def includes(
        self, header: Header, source: str, whole: Callable[[], BinaryIO], transfer_syntax: UID
    ) -> bool:
        """Whether the object belongs to an urgent series. whole: opens its data set."""
        if self._rule is None:
            return False
        series = header.study_instance_uid, header.series_instance_uid
        with self._lock:
            if series in self._known:
                return self._known[series]
        try:
            with whole() as data_set:
                first = _header(data_set, transfer_syntax)
            if "LOCALIZER" in first.get("ImageType", ()):
                return False  # the slices tell
            name = self._rule(source, first)
        except PARSING_ERRORS:  # the reading says what is wrong with it
            return False
        with self._lock:
            is_first = series not in self._known
            self._known[series] = name is not None
            while len(self._known) > MOST_SERIES:
                self._known.popitem(last=False)
        if name is not None and is_first:
            log.info("series_urgent", series_instance_uid=header.series_instance_uid, rule=name)
        return name is not None


NONE_BY_RULE = UrgentSeries(None)


def _header(data_set: BinaryIO, transfer_syntax: UID) -> Dataset:
    """What comes before the pixels."""
    return read_dataset(
        data_set,
        transfer_syntax.is_implicit_VR,
        transfer_syntax.is_little_endian,
        stop_when=lambda tag, _vr, _length: int(tag) >= PIXEL_DATA,
    )
