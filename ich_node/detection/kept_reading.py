"""What is kept of a Reading for people who look: one safetensors file without a word about the
patient.

It holds the coarse likelihood maps in 16-bit floats, and everything else as one JSON document.
Whoever shows it needs neither the bundle nor the network.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError

from ich_node.answer import Answer
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId
from ich_node.dicom.image_id import ImageId
from ich_node.errors import IchNodeError
from ich_node.series.series import LeftOut, Missing, SeriesWarning

SUFFIX: Literal[".safetensors"] = ".safetensors"
DOCUMENT, MAPS = "reading", "likelihood_MYX"
FORMAT_VERSION = 1


class UnreadableReading(IchNodeError):
    """The file with the maps of this reading is damaged."""


@dataclass(frozen=True, kw_only=True)
class KeptMark:
    """The mark of a lesion. row, column: the peak, in pixels of the slice; tip_row, tip_column: of
    the arrow, beside all blood.
    """

    lesion: int
    row: float
    column: float
    tip_row: float
    tip_column: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class KeptSlice:
    """map_index: of its likelihood map; the thin slices of a slab share one."""

    sop_instance_uid: str
    frame_number: int | None
    instance_number: int | None
    position_mm: float
    stack: int
    shape: tuple[int, int]
    pixel_spacing_mm: tuple[float, float]
    image_orientation: tuple[float, float, float, float, float, float]
    probability: float
    map_index: int
    marks: tuple[KeptMark, ...] = ()

    @property
    def image(self) -> ImageId:
        return ImageId(self.sop_instance_uid, self.frame_number)


@dataclass(frozen=True, kw_only=True)
class KeptMap:
    """Where a map lies on its slices; logit: what the network said about them."""

    logit: float
    grid: PixelGrid
    size_px: int
    contour: float


@dataclass(frozen=True, kw_only=True)
class KeptLesion:
    """certainty: of its peak, 0 to 1. slices: indices of the marked ones, the peak first."""

    number: int
    certainty: float
    extent_mm: float
    peak_mm: tuple[float, float, float]
    slices: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class KeptReading:
    """likelihood_MYX: as people see it, 0 to 1, before upsampling (`Detector.shown`). slices: in
    the order of the Series. demonstration: the bundle is the shipped one.
    """

    format_version: int = FORMAT_VERSION
    answer: Answer
    series_probability: float
    threshold: float
    bundle: BundleId
    demonstration: bool
    engine: str
    shift_hu: float
    slices: tuple[KeptSlice, ...]
    maps: tuple[KeptMap, ...]
    lesions: tuple[KeptLesion, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[SeriesWarning, ...]


@dataclass(frozen=True, kw_only=True)
class ReadingWithMaps:
    """What the file holds."""

    reading: KeptReading
    likelihood_MYX: NDArray[np.float16] = field(repr=False)

    def encode(self) -> bytes:
        """The same reading gives the same bytes."""
        document = np.frombuffer(_READING.dump_json(self.reading), np.uint8)
        maps_MYX = np.ascontiguousarray(self.likelihood_MYX, dtype=np.float16)
        return safetensors.numpy.save({DOCUMENT: document, MAPS: maps_MYX})


def decode(data: bytes) -> ReadingWithMaps:
    """Raises UnreadableReading."""
    try:
        tensors = safetensors.numpy.load(data)
        reading = _READING.validate_json(tensors[DOCUMENT].tobytes())
        maps_MYX = tensors[MAPS]
    except (SafetensorError, ValidationError, KeyError) as error:
        raise UnreadableReading from error
    if reading.format_version != FORMAT_VERSION or len(maps_MYX) != len(reading.maps):
        raise UnreadableReading
    return ReadingWithMaps(reading=reading, likelihood_MYX=maps_MYX)


_READING = TypeAdapter(KeptReading)
