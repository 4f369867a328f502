"""Contact sheets for judging a bundle's marks by eye, and a table beside them to fill in."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import withStroke

from benchmarks.judged_series import PARTS, Group, JudgedSeries
from benchmarks.judgement import Judgement
from ich_node.detection.network_input import BRAIN
from ich_node.detection.reading import LikelihoodMap, Reading, SliceReading
from ich_node.model.detector import Detector
from ich_node.scoring.points import Box
from ich_node.series.series import Slice
from training.errors import DataError

COLUMNS, ROWS = 4, 3
DPI = 110
RADIUS_MM = 8.0
REACH_MM = 105.0  # of a picture, from the middle of the head
BONE_HU = 100.0
EDGES_OF_HEAD = (1, 99)  # percentiles of the places of bone
TABLE = "marks.csv"
FIELDS = ("bundle", "series", "slice", "mark", "row", "column", "probability", "on_blood")
ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A slice that was read, for a contact sheet. number: of the slice in its series, from 1."""

    series: str
    number: int
    of: int
    slice: Slice
    read: SliceReading
    map: LikelihoodMap
    boxes: tuple[Box, ...]


def write_pictures(judgement: Judgement, folder: Path) -> list[Path]:
    """A folder for the bundle: pages of every marked slice of the real series, of the boxed slices,
    and of the patients left out (also those that are missed), and marks.csv.
    """
    mine = folder / judgement.bundle.sha256[:8]
    mine.mkdir(parents=True, exist_ok=True)
    detector = Detector(judgement.bundle)
    pages = []
    for name, pictures in _sheets(judgement).items():
        for first in range(0, len(pictures), COLUMNS * ROWS):
            path = mine / f"{name}-{first // (COLUMNS * ROWS) + 1:02d}.png"
            _draw(pictures[first : first + COLUMNS * ROWS], detector, path, title=name)
            pages.append(path)
    _write_table(judgement, _marked(judgement, "positive"), mine / TABLE)
    return pages


def read_judged_marks(path: Path) -> dict[str, tuple[int, int]]:
    """Of a table that a person filled in: by bundle (the beginning of its sha256), how many marks
    lie on blood, and of how many that is said. Raises DataError for another word than yes or no.
    """
    counts: dict[str, tuple[int, int]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            said = row["on_blood"].strip().lower()
            if not said:
                continue
            if said not in ANSWERS:
                raise DataError(f"{path} line {line}: on_blood is yes or no, not {said!r}")
            on_blood, of = counts.get(row["bundle"], (0, 0))
            counts[row["bundle"]] = (on_blood + ANSWERS[said], of + 1)
    return counts


def _sheets(judgement: Judgement) -> dict[str, list[Picture]]:
    boxed = [picture for read in judgement.of("boxed") for picture in _pictures(*read)]
    threshold = judgement.bundle.operating_point.threshold
    sheets = {
        "positive": _marked(judgement, "positive"),
        "negative": _marked(judgement, "negative") + _marked(judgement, "apart"),
        "boxed": boxed,
    }
    for part in PARTS:
        bleeding = [
            picture for read in judgement.of("bleeding", part) for picture in _pictures(*read)
        ]
        halves = [
            picture for read in judgement.of("clean half", part) for picture in _pictures(*read)
        ]
        sheets[f"{part}-found"] = [p for p in bleeding if p.read.probability >= threshold]
        sheets[f"{part}-missed"] = [p for p in bleeding if p.read.probability < threshold]
        sheets[f"{part}-halves-above"] = [p for p in halves if p.read.probability >= threshold]
    return sheets


def _marked(judgement: Judgement, group: Group) -> list[Picture]:
    pictures = (picture for read in judgement.of(group) for picture in _pictures(*read))
    return [picture for picture in pictures if picture.read.findings]


def _pictures(item: JudgedSeries, reading: Reading) -> Iterator[Picture]:
    """Of the slices that carry a map (of a slab, the one in the middle)."""
    maps = {map_.sop_instance_uid: map_ for map_ in reading.maps}
    images = {slice_.sop_instance_uid: slice_ for slice_ in item.series.slices}
    for number, read in enumerate(reading.slices, start=1):
        if read.sop_instance_uid in maps:
            yield Picture(
                series=item.name,
                number=number,
                of=len(reading.slices),
                slice=images[read.sop_instance_uid],
                read=read,
                map=maps[read.sop_instance_uid],
                boxes=item.boxes.get(read.sop_instance_uid, ()),
            )


def _draw(pictures: Sequence[Picture], detector: Detector, path: Path, *, title: str) -> None:
    rows = -(-len(pictures) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 4.3 * rows), dpi=DPI)
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0, top=1 - 0.16 / rows, wspace=0.02)
    heading = f"{title} · {detector.bundle.name} {detector.bundle.sha256[:8]}"
    figure.suptitle(heading, y=1 - 0.02 / rows, fontsize=9)
    for place, picture in enumerate(pictures, start=1):
        axis = figure.add_subplot(rows, COLUMNS, place)
        axis.set_axis_off()
        _draw_one(axis, picture, detector)
    figure.savefig(path)


def _draw_one(axis: Axes, picture: Picture, detector: Detector) -> None:
    """The slice with the map's contour, boxes and numbered marks."""
    slice_, row_mm = picture.slice, picture.slice.pixel_spacing_mm[0]
    axis.imshow(slice_.hu_YX, cmap="gray", vmin=BRAIN.lower_hu, vmax=BRAIN.upper_hu)
    shown_YX = detector.likelihood_on_slice(picture.map, slice_)
    if shown_YX.max() > picture.map.contour:
        axis.contour(shown_YX, [picture.map.contour], colors="cyan", linewidths=0.6)
    for box in picture.boxes:
        width, height = box.column1 - box.column0, box.row1 - box.row0
        axis.add_patch(
            Rectangle(
                (box.column0, box.row0),
                width,
                height,
                fill=False,
                edgecolor="yellow",
                lw=0.8,
                ls=":",
            )
        )
    for number, mark in enumerate(picture.read.findings, start=1):
        radius = RADIUS_MM / row_mm
        axis.add_patch(
            Circle((mark.column, mark.row), radius, fill=False, edgecolor="red", linewidth=1)
        )
        axis.text(
            mark.column + radius,
            mark.row - radius,
            f"{number}: {mark.probability:.2f}",
            color="red",
            fontsize=8,
            clip_on=True,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )
    middle_row, middle_column = (
        np.percentile(places, EDGES_OF_HEAD).mean() for places in np.nonzero(slice_.hu_YX > BONE_HU)
    )
    reach = REACH_MM / row_mm
    axis.set_xlim(middle_column - reach, middle_column + reach)
    axis.set_ylim(middle_row + reach, middle_row - reach)
    axis.set_title(
        f"{picture.series} {picture.number}/{picture.of}  logit {picture.map.logit:.1f}  "
        f"p {picture.read.probability:.3f}",
        fontsize=8,
    )


def _write_table(judgement: Judgement, pictures: Sequence[Picture], path: Path) -> None:
    """A table that exists is kept: somebody may have filled it in."""
    if path.exists():
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(FIELDS)
        for picture in pictures:
            for number, mark in enumerate(picture.read.findings, start=1):
                table.writerow(
                    [
                        judgement.bundle.sha256[:8],
                        picture.series,
                        picture.number,
                        number,
                        round(mark.row),
                        round(mark.column),
                        f"{mark.probability:.3f}",
                        "",
                    ]
                )
