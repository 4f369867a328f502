"""One series from files: the node's answer as a document, a sentence, DICOM objects and a picture."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import UID

from ich_node import __version__
from ich_node.detection.reading import Reading
from ich_node.dicom.identity import RESEARCH_USE
from ich_node.errors import Refusal, ReportError
from ich_node.files.find import SeriesFiles
from ich_node.model.detector import Detector
from ich_node.report import ReportOptions, ResultObject, lesions_of, render_overlay
from ich_node.report.detection_report import report_on
from ich_node.report.uids import digest_of
from ich_node.series.series import Series, read_series


@dataclass(frozen=True, kw_only=True)
class SeriesAnswer:
    """What became of one series: a Reading or a Refusal; detail says what a person should know of
    it.
    """

    study_instance_uid: str
    series_instance_uid: str
    bundle: dict[str, str]
    reading: Reading | None = None
    refusal: Refusal | None = None
    detail: str = ""
    results: tuple[ResultObject, ...] = ()

    def document(self) -> dict[str, Any]:
        """The answer as `read --json` prints it."""
        reading = self.reading
        return {
            "study_instance_uid": self.study_instance_uid,
            "series_instance_uid": self.series_instance_uid,
            "outcome": "read" if reading else "refused",
            "reason": self.refusal.reason if self.refusal else None,
            "detail": self.detail,
            "bundle": self.bundle,
            "series_probability": round(reading.series_probability, 6) if reading else None,
            "positive": reading.positive if reading else None,
            "slices": [
                {
                    "sop_instance_uid": slice_.sop_instance_uid,
                    "position_mm": round(slice_.position_mm, 4),
                    "probability": round(slice_.probability, 6),
                    "findings": [
                        {
                            "row": round(finding.row, 2),
                            "column": round(finding.column, 2),
                            "likelihood": round(finding.likelihood, 6),
                        }
                        for finding in slice_.findings
                    ],
                }
                for slice_ in (reading.slices if reading else ())
            ],
            "left_out": [
                {"sop_instance_uid": left.sop_instance_uid, "reason": left.reason}
                for left in (reading.left_out if reading else ())
            ],
        }

    def sentence(self) -> str:
        """One line for a terminal."""
        name = f"series {self.series_instance_uid or '(no SeriesInstanceUID)'}"
        if self.reading is None:
            return f"{name}: refused, {self.document()['reason']}: {self.detail}"
        marks = sum(len(slice_.findings) for slice_ in self.reading.slices)
        answer = "POSITIVE" if self.reading.positive else "negative"
        tail = f"; {self.detail}" if self.detail else ""
        return (
            f"{name}: {answer}, p {self.reading.series_probability:.2f}, {marks} marks in {len(self.reading.slices)} slices, "
            f"{len(self.reading.left_out)} left out{tail} ({RESEARCH_USE})"
        )


def read_files(
    files: SeriesFiles,
    detector: Detector,
    *,
    options: ReportOptions,
    at: datetime,
    with_dicom: bool,
) -> tuple[SeriesAnswer, NDArray[np.uint8] | None]:
    """Read one series from its files, a lone slice too: the answer, and the picture of `draw`."""
    unread = SeriesAnswer(
        study_instance_uid=files.study_instance_uid,
        series_instance_uid=files.series_instance_uid,
        bundle={"name": detector.bundle.name, "sha256": detector.bundle.sha256},
    )
    datasets = files.datasets()
    try:
        series = read_series(datasets, single_slice=True)
    except Refusal as refusal:
        return replace(unread, refusal=refusal, detail=refusal.detail), None
    reading = detector.read(series)
    results: tuple[ResultObject, ...] = ()
    detail = (
        f"metal in {reading.metal_slices} slices, its streaks may look like blood"
        if reading.metal_slices
        else ""
    )
    try:
        if with_dicom:
            digest = digest_of(
                hashlib.sha256(path.read_bytes()).hexdigest() for path in files.paths
            )
            results = tuple(
                report_on(
                    series,
                    datasets,
                    reading,
                    detector,
                    digest=digest,
                    revision=1,
                    at=at,
                    options=options,
                )
            )
        else:
            _check_uids(series)
    except ReportError as error:
        detail = "; ".join(
            filter(None, (f"read, but it cannot be reported as DICOM: {error.detail}", detail))
        )
    answer = replace(unread, reading=reading, detail=detail, results=results)
    return answer, draw(series, reading, detector)


def draw(series: Series, reading: Reading, detector: Detector) -> NDArray[np.uint8]:
    """The slice with the highest probability as people look at it, RGB (Y, X, 3); marks only if the
    series is positive.
    """
    readings = {slice_.sop_instance_uid: slice_ for slice_ in reading.slices}
    best = max(reading.maps, key=lambda map_: readings[map_.sop_instance_uid].probability)
    index = next(
        index
        for index, slice_ in enumerate(series.slices)
        if slice_.sop_instance_uid == best.sop_instance_uid
    )
    read = readings[best.sop_instance_uid]
    return render_overlay(
        series.slices[index],
        detector.likelihood_on_slice(best, series.slices[index]),
        lesions_of(series, reading),
        probability=read.probability,
        number=index + 1,
        total=len(series.slices),
        version=__version__,
    )


def write_answer(answer: SeriesAnswer, picture: NDArray[np.uint8] | None, out: Path) -> list[Path]:
    """reading.json, preview.png and the DICOM objects, in a folder named after the series; returns
    what was written.
    """
    folder = out / _folder_name(answer.series_instance_uid)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "reading.json"]
    written[0].write_text(
        json.dumps(answer.document(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    if picture is not None:
        written.append(folder / "preview.png")
        Image.fromarray(picture).save(written[-1])
    for result in answer.results:
        number = f"-{result.dataset.InstanceNumber:03d}" if result.kind == "overlay" else ""
        written.append(folder / f"{result.kind.replace('_', '-')}{number}.dcm")
        written[-1].write_bytes(result.encode())
    return written


def save_maps(answers: Sequence[SeriesAnswer], path: Path) -> None:
    """Every slice's logit and low-resolution map: sop_instance_uid (N), logit (N), likelihood (N,
    h, w), position order.
    """
    maps = [map_ for answer in answers if answer.reading for map_ in answer.reading.maps]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # a path would get .npz appended behind the admin's back
        np.savez_compressed(
            file,
            sop_instance_uid=np.array([map_.sop_instance_uid for map_ in maps], dtype=np.str_),
            logit=np.array([map_.logit for map_ in maps], dtype=np.float32),
            likelihood=np.stack([map_.likelihood_YX for map_ in maps])
            if maps
            else np.empty((0, 0, 0), np.float32),
        )


def _check_uids(series: Series) -> None:
    """Without writing DICOM, still say that it could not be written."""
    for uid in (
        series.study_instance_uid,
        series.series_instance_uid,
        *(slice_.sop_instance_uid for slice_ in series.slices),
    ):
        if not UID(uid).is_valid:
            raise ReportError(f"{uid!r} is not a legal UID; results cannot refer to it")


def _folder_name(series_instance_uid: str) -> str:
    """A UID names its folder; anything else is hashed, for it could be a path."""
    uid = UID(series_instance_uid)
    return (
        str(uid)
        if uid.is_valid
        else f"series-{hashlib.sha256(series_instance_uid.encode()).hexdigest()[:12]}"
    )
