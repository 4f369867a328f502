"""RSNA 2019 Intracranial Hemorrhage Detection: stage_2_train.csv and stage_2_train/ID_*.dcm.

The table has six rows for each image, `ID_<9 hex>_<subtype>`, some of them twice. The images have
`ID_...` in place of UIDs, and one of them is known to be cut short.
"""

from pathlib import Path

import numpy as np
from pydicom import Dataset

from training.datasets.images import Image, Progress, find_images, no_progress
from training.datasets.labelled import (
    KIND_OF,
    Found,
    LabelledSeries,
    LabelledSlice,
    Skip,
    series_label,
)
from training.datasets.tables import need_table, read_rows, zero_or_one
from training.errors import DataError

TABLE = "stage_2_train.csv"
ID_CHARACTERS = 12
SUBTYPES = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any")
CORRUPT = frozenset({"ID_6431af929"})
ALL_SAID = (1 << len(SUBTYPES)) - 1
ANY = 1 << SUBTYPES.index("any")

# Some 12-bit images have signed values modulo 4096 that the header calls unsigned (found by the
# participants of the challenge).
WRAPPED_BITS = 12
WRAPPED_INTERCEPT_ABOVE = -100
SHIFT_HU = 1000

# image id -> kinds; None where the six rows are not all there or disagree
Labels = dict[str, frozenset[str] | None]


def read_rsna(folder: Path, *, progress: Progress = no_progress) -> Found:
    """Every labelled image below the folder, by series."""
    table = need_table(folder, TABLE)
    labels, repeated = read_labels(table)
    groups, skipped = find_images(folder, progress)
    if repeated:
        skipped.append(
            Skip(
                what=str(table),
                reason="rows that repeat a row (harmless)",
                detail=f"{repeated} rows",
            )
        )
    series = []
    present: set[str] = set()
    for group in groups:
        slices = []
        for image in group.images:
            present.add(image.sop_instance_uid)
            reason = _unusable(image, labels)
            if reason:
                skipped.append(Skip(what=str(image.path), reason=reason))
            else:
                slices.append(_labelled(image, labels[image.sop_instance_uid] or frozenset()))
        if slices:
            series.append(
                LabelledSeries(
                    source="rsna",
                    patient_id=group.patient_id,
                    study_instance_uid=group.study_instance_uid,
                    series_instance_uid=group.series_instance_uid,
                    slices=tuple(slices),
                    label=series_label(slice_.label for slice_ in slices),
                    kinds=frozenset().union(*(slice_.kinds for slice_ in slices)),
                )
            )
    skipped += [
        Skip(what=identity, reason=f"in {TABLE}, but no usable image is there")
        for identity in labels
        if identity not in present
    ]
    return Found(source="rsna", folder=folder, series=tuple(series), skipped=tuple(skipped))


def read_labels(table: Path) -> tuple[Labels, int]:
    """The kinds of bleeding of every image id, and the number of rows that repeat another. None
    for an id without its six rows, or if `any` contradicts the others.
    """
    said: dict[str, int] = {}
    positive: dict[str, int] = {}
    repeated = 0
    for line, row in read_rows(table, ("ID", "Label")):
        identity, subtype = row["ID"][:ID_CHARACTERS], row["ID"][ID_CHARACTERS + 1 :]
        if subtype not in SUBTYPES:
            raise DataError(
                f"{table} line {line}: {row['ID']!r} is not ID_<9 hex>_<subtype>; "
                "take the table as it was published"
            )
        bit = 1 << SUBTYPES.index(subtype)
        value = zero_or_one(row["Label"], column="Label", path=table, line=line)
        if said.get(identity, 0) & bit:
            if bool(positive[identity] & bit) != value:
                raise DataError(
                    f"{table} line {line}: {row['ID']} is 0 in one row and 1 in another; "
                    "keep the right one"
                )
            repeated += 1
        said[identity] = said.get(identity, 0) | bit
        positive[identity] = positive.get(identity, 0) | (bit if value else 0)
    kinds = {bits: _kinds(bits) for bits in set(positive.values())}
    return {
        identity: kinds[positive[identity]] if said[identity] == ALL_SAID else None
        for identity in said
    }, repeated


def unwrap(dataset: Dataset) -> None:
    """Restore, in place, the Hounsfield units of a 12-bit image whose negative values were stored
    modulo 4096.

    For RSNA alone: in any other image these header values are true, and nothing is guessed.
    """
    if not _is_wrapped(dataset):
        return
    stored = np.frombuffer(dataset.PixelData, "<u2").astype(np.int32)
    dataset.PixelData = ((stored + SHIFT_HU) % (1 << WRAPPED_BITS)).astype("<u2").tobytes()
    dataset.RescaleIntercept = str(-SHIFT_HU)


def _is_wrapped(dataset: Dataset) -> bool:
    """Damaged headers are left to `read_series`, which reports them."""
    try:
        intercept = float(dataset["RescaleIntercept"].value)
    except (KeyError, TypeError, ValueError):
        return False
    pixels = [
        dataset.get(keyword) for keyword in ("BitsAllocated", "BitsStored", "PixelRepresentation")
    ]
    whole = (
        len(dataset.get("PixelData") or b"") % 2 == 0
        and not dataset.file_meta.TransferSyntaxUID.is_compressed
    )
    return pixels == [16, WRAPPED_BITS, 0] and intercept > WRAPPED_INTERCEPT_ABOVE and whole


def _kinds(bits: int) -> frozenset[str] | None:
    """`any` must agree with the five."""
    kinds = frozenset(
        KIND_OF[subtype] for index, subtype in enumerate(SUBTYPES[:-1]) if bits & (1 << index)
    )
    return kinds if bool(kinds) == bool(bits & ANY) else None


def _unusable(image: Image, labels: Labels) -> str:
    if image.sop_instance_uid in CORRUPT:
        return "known to be corrupt"
    if image.sop_instance_uid not in labels:
        return f"no label in {TABLE}"
    if labels[image.sop_instance_uid] is None:
        return f"{TABLE} does not have its six rows, or `any` contradicts the other five"
    return ""


def _labelled(image: Image, kinds: frozenset[str]) -> LabelledSlice:
    return LabelledSlice(
        sop_instance_uid=image.sop_instance_uid,
        patient_id=image.patient_id,
        study_instance_uid=image.study_instance_uid,
        series_instance_uid=image.series_instance_uid,
        path=image.path,
        label=bool(kinds),
        kinds=kinds,
    )
