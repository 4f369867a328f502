"""The answer for one series: probabilities, findings and maps of its slices."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ich_node.answer import Answer
from ich_node.detection.network_input import PixelGrid
from ich_node.dicom.image_id import ImageId
from ich_node.series.series import LeftOut, Missing, SeriesWarning


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A mark in the pixels of the original slice. row, column: 0-based indices of pixel centres;
    they may be fractional.
    """

    row: float
    column: float
    # the map's value at the peak, in the map's own unit (logit, or attention weight)
    likelihood: float
    probability: float  # 0..1, the certainty shown to people


@dataclass(frozen=True, kw_only=True)
class SliceReading:
    """The answer for one slice."""

    sop_instance_uid: str
    sop_class_uid: str
    position_mm: float
    probability: float
    findings: tuple[Finding, ...] = ()
    frame_number: int | None = None

    @property
    def image(self) -> ImageId:
        return ImageId(self.sop_instance_uid, self.frame_number)


@dataclass(frozen=True, kw_only=True)
class LikelihoodMap:
    """The network's output for one slice, before upsampling. likelihood_YX: in the unit of the
    bundle's head (logit, or attention weight). grid: from the network's input of size_px x size_px
    to the slice. region_from: the value from which a place belongs to a region (regions.py);
    contour: the same as a likelihood, 0 to 1, as people see it.
    """

    sop_instance_uid: str
    logit: float
    likelihood_YX: NDArray[np.float32]
    grid: PixelGrid
    size_px: int = 256
    region_from: float = np.inf
    contour: float = 0.5
    frame_number: int | None = None

    @property
    def image(self) -> ImageId:
        return ImageId(self.sop_instance_uid, self.frame_number)


@dataclass(frozen=True, kw_only=True)
class BundleId:
    """The model that read."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The answer for one Series. engine: the name of what ran the network. missing, warnings: as
    in the Series.
    """

    study_instance_uid: str
    series_instance_uid: str
    bundle: BundleId
    series_probability: float
    threshold: float
    slices: tuple[SliceReading, ...]
    left_out: tuple[LeftOut, ...] = ()
    missing: tuple[Missing, ...] = ()
    warnings: tuple[SeriesWarning, ...] = ()
    engine: str = ""
    shift_hu: float = 0.0  # was added to every HU before the network
    maps: tuple[LikelihoodMap, ...] = field(default=(), repr=False, compare=False)

    @property
    def positive(self) -> bool:
        return self.series_probability >= self.threshold

    @property
    def answer(self) -> Answer:
        """Never ABSENT unless the whole head was read."""
        if self.positive:
            return Answer.PRESENT
        return Answer.UNDETERMINED if self.missing else Answer.ABSENT
