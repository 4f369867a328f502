"""Slices with bleeding of CT-ICH 1.0 to 1.2, and the halves of them that are free of blood:
manifest.csv, clean_halves.csv and images/ of 8 bits.

A half without blood and its mirror image make a head without bleeding. Every slice is a series of
its own, as every such head is: no whole stack is there, and the node refuses a part of one.

The kinds are those of the set's own table by the order of the slices: at the ends of a bleed they
may be wrong by a slice. The boxes are a third party's and incomplete: a slice without a box bleeds
as well, and outside the boxes there may be blood.
"""

from collections.abc import Mapping
from pathlib import Path

from pydicom import Dataset

from training.datasets.ct_image import ct_image, made_up_uid
from training.datasets.halves import mirrored, read_halves
from training.datasets.images import Progress, no_progress
from training.datasets.labelled import (
    ANY_KIND,
    KIND_OF,
    Box,
    Found,
    LabelledSeries,
    LabelledSlice,
    Skip,
)
from training.datasets.tables import need_table, read_rows
from training.datasets.windowed import hounsfield_of, image_size, pixel_mm, read_grey
from training.errors import DataError

MANIFEST, HALVES, IMAGES = "manifest.csv", "clean_halves.csv", "images"
BOXES = "third_party_boxes(type x y w h)"
COLUMNS = ("file", "patient", "official_types", BOXES)
FRACTURE = "fracture"  # among the types, but no bleed
MIRRORED = "mirrored half"


def read_tissue(folder: Path, *, progress: Progress = no_progress) -> Found:
    """A positive series for every slice of the manifest, and a negative one for every half without
    blood.
    """
    manifest = need_table(folder, MANIFEST)
    images = manifest.parent / IMAGES
    series: list[LabelledSeries] = []
    skipped: list[Skip] = []
    patient_of: dict[str, str] = {}
    for line, row in read_rows(manifest, COLUMNS):
        progress(1)
        name, path = row["file"], images / row["file"]
        try:
            positive = _positive(path, row, where=f"{manifest} line {line}")
        except DataError as error:
            skipped.append(
                Skip(what=str(path), reason="an image that cannot be used", detail=error.detail)
            )
            continue
        patient_of[name] = positive.patient_id
        series.append(positive)
    halves, doubtful = read_halves(manifest.parent / HALVES)
    for name in halves:
        if name in patient_of:
            series.append(_lone_slice(images / name, patient_of[name], mirrored_half=True))
        else:
            skipped.append(
                Skip(what=str(images / name), reason=f"in {HALVES}, but its image is not there")
            )
    return Found(
        source="tissue", folder=folder, series=tuple(series), skipped=(*skipped, *doubtful)
    )


def slice_datasets(series: LabelledSeries) -> list[Dataset]:
    """The slice as a CT image. Raises DataError for an image that cannot be read."""
    (slice_,) = series.slices
    grey_YX = read_grey(slice_.path)
    if not slice_.label:
        halves, _ = read_halves(slice_.path.parent.parent / HALVES)
        grey_YX = mirrored(grey_YX, halves[slice_.path.name])
    size_mm = pixel_mm(grey_YX.shape[1])
    image = ct_image(
        hounsfield_of(grey_YX, size_mm),
        sop_instance_uid=slice_.sop_instance_uid,
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        number=1,
        position_mm=(0.0, 0.0, 0.0),
        spacing_mm=(size_mm, size_mm),
    )
    return [image]


def _positive(path: Path, row: Mapping[str, str], *, where: str) -> LabelledSeries:
    rows, columns = image_size(path)
    kinds = frozenset(
        _kind(word, where=where)
        for word in _words(row["official_types"], "|")
        if word.lower() != FRACTURE
    )
    boxes = tuple(
        _box(text, rows=rows, columns=columns, where=where) for text in _words(row[BOXES], ";")
    )
    return _lone_slice(path, row["patient"].strip(), kinds=kinds, boxes=boxes)


def _lone_slice(
    path: Path,
    patient: str,
    *,
    kinds: frozenset[str] = frozenset(),
    boxes: tuple[Box, ...] = (),
    mirrored_half: bool = False,
) -> LabelledSeries:
    words = (patient, path.stem, *([MIRRORED] if mirrored_half else []))
    study_uid = made_up_uid("8 bits", *words[:1])
    series_uid = made_up_uid("8 bits", *words, "series")
    slice_ = LabelledSlice(
        sop_instance_uid=made_up_uid("8 bits", *words, "slice"),
        patient_id=patient,
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        path=path,
        label=not mirrored_half,
        kinds=kinds,
        boxes=boxes,
    )
    return LabelledSeries(
        source="tissue",
        patient_id=patient,
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        slices=(slice_,),
        label=slice_.label,
        kinds=kinds,
    )


def _words(cell: str, separator: str) -> list[str]:
    return [word.strip() for word in cell.split(separator) if word.strip()]


def _kind(word: str, *, where: str) -> str:
    if word.lower() not in KIND_OF:
        raise DataError(f"{where}: {word} is no type of bleeding ({', '.join(KIND_OF)})")
    return KIND_OF[word.lower()]


def _box(text: str, *, rows: int, columns: int, where: str) -> Box:
    """The form of YOLO: kind, centre and size, as shares of the image's width and height."""
    try:
        kind, *numbers = text.split()
        x, y, width, height = (float(number) for number in numbers)
    except ValueError as error:
        raise DataError(f"{where}: the box {text!r} is not a type and four numbers") from error
    return Box(
        kind=kind if kind in KIND_OF.values() else ANY_KIND,
        row0=(y - height / 2) * rows,
        column0=(x - width / 2) * columns,
        row1=(y + height / 2) * rows,
        column1=(x + width / 2) * columns,
    )
