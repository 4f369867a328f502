"""Likelihood maps, predicted once and kept: a folder for each bundle, named by its sha256, with two
files for each series.

The maps lie in a .npy that is memory-mapped when it is opened, the rest in a .json that is written
last: a series is predicted when its .json exists, so an interrupted run continues where it stopped.
Labels are not kept. They are joined from the data set each time by SOPInstanceUID, so corrected
boxes need no new maps. File names are hashes and name no UID and no patient.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import Reading
from ich_node.errors import Refusal
from ich_node.model.detector import Detector
from ich_node.scoring.points import Box
from ich_node.series.series import Series
from training.datasets import LabelledSeries, Skip, load
from training.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PredictedSlice:
    """A slice's map before upsampling, and the slice's geometry and labels. likelihood_YX is
    memory-mapped.
    """

    sop_instance_uid: str
    patient_id: str
    logit: float
    likelihood_YX: NDArray[np.float32] = field(repr=False)
    grid: PixelGrid
    pixel_spacing_mm: tuple[float, float]
    label: bool | None
    boxes: tuple[Box, ...]

    @property
    def is_located(self) -> bool:
        """As of LabelledSlice."""
        return self.label is False or bool(self.boxes)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Every slice that the detector reads, and the series that it does not read.

    unread_boxes: boxes of slices that were left out of their series or averaged into a neighbour's
    slab. They are not scored.
    """

    slices: tuple[PredictedSlice, ...]
    skipped: tuple[Skip, ...] = ()
    unread_boxes: int = 0


def predict(
    detector: Detector,
    labelled: Sequence[LabelledSeries],
    *,
    cache: Path,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Predictions:
    """Read the series that are not in the cache, keep their maps, and open all maps. A refused or
    unreadable series is skipped, with the reason.
    """
    folder = cache / detector.bundle.sha256
    folder.mkdir(parents=True, exist_ok=True)
    slices: list[PredictedSlice] = []
    skipped: list[Skip] = []
    unread_boxes = 0
    for done, series in enumerate(labelled, start=1):
        entry = folder / _key(series)
        read = load_or_skip(series) if not entry.with_suffix(".json").exists() else None
        if isinstance(read, Skip):
            skipped.append(read)
        else:
            if read is not None:
                _keep(entry, detector.read(read), read)
            opened = _open(entry, series)
            slices += opened
            unread_boxes += sum(len(slice_.boxes) for slice_ in series.slices) - sum(
                len(slice_.boxes) for slice_ in opened
            )
        progress(done, len(labelled))
    return Predictions(slices=tuple(slices), skipped=tuple(skipped), unread_boxes=unread_boxes)


def load_or_skip(series: LabelledSeries) -> Series | Skip:
    """The Series that serving would read, or the reason why it would not."""
    try:
        return load(series)
    except Refusal as refusal:
        return Skip(what=series.series_instance_uid, reason=refusal.reason, detail=refusal.detail)
    except DataError as error:
        return Skip(what=series.series_instance_uid, reason="unreadable", detail=error.detail)


def _key(series: LabelledSeries) -> str:
    """A hash of all slices, since the maps of a slice depend on its neighbours: slices are averaged
    to slabs, and some are left out.
    """
    uids = sorted(slice_.sop_instance_uid for slice_ in series.slices)
    return hashlib.sha256("\n".join([series.series_instance_uid, *uids]).encode()).hexdigest()[:32]


def _keep(entry: Path, reading: Reading, series: Series) -> None:
    spacing_mm = {slice_.sop_instance_uid: slice_.pixel_spacing_mm for slice_ in series.slices}
    np.save(entry.with_suffix(".npy"), np.stack([map_.likelihood_YX for map_ in reading.maps]))
    slices = [
        {
            "sop_instance_uid": map_.sop_instance_uid,
            "logit": map_.logit,
            "grid": asdict(map_.grid),
            "pixel_spacing_mm": spacing_mm[map_.sop_instance_uid],
        }
        for map_ in reading.maps
    ]
    temporary = entry.with_suffix(".tmp")
    temporary.write_text(json.dumps({"slices": slices}))
    os.replace(temporary, entry.with_suffix(".json"))


def _open(entry: Path, series: LabelledSeries) -> list[PredictedSlice]:
    labels = {slice_.sop_instance_uid: slice_ for slice_ in series.slices}
    try:
        likelihood_NYX = np.load(entry.with_suffix(".npy"), mmap_mode="r")
        described: list[dict[str, Any]] = json.loads(entry.with_suffix(".json").read_text())[
            "slices"
        ]
        return [
            PredictedSlice(
                sop_instance_uid=slice_["sop_instance_uid"],
                patient_id=series.patient_id,
                logit=slice_["logit"],
                likelihood_YX=likelihood_YX,
                grid=PixelGrid(**slice_["grid"]),
                pixel_spacing_mm=(slice_["pixel_spacing_mm"][0], slice_["pixel_spacing_mm"][1]),
                label=labels[slice_["sop_instance_uid"]].label,
                boxes=labels[slice_["sop_instance_uid"]].boxes,
            )
            for slice_, likelihood_YX in zip(described, likelihood_NYX, strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{entry}.npy and .json do not hold a series' maps ({error!r}); "
            "delete both to predict them again"
        ) from error
