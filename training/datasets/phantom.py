"""Synthetic studies as `ich-node phantom --out DIR` writes them: truth.json beside the slices.
Every study is its own patient.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from ich_node.phantom import BLEED_KINDS
from training.datasets.images import Progress, find_images, no_progress
from training.datasets.labelled import Box, Found, LabelledSeries, LabelledSlice, Skip
from training.errors import DataError

TRUTH = "truth.json"


def read_phantoms(folder: Path, *, progress: Progress = no_progress) -> Found:
    """Every phantom study below the folder."""
    truths = sorted(folder.rglob(TRUTH))
    if not truths:
        raise DataError(
            f"{folder} has no {TRUTH}; "
            f"make studies with `ich-node phantom --out {folder}/study-0 --seed 0`"
        )
    series: list[LabelledSeries] = []
    skipped: list[Skip] = []
    for truth in truths:
        study, left = _read_study(truth, progress)
        series += study
        skipped += left
    return Found(source="phantom", folder=folder, series=tuple(series), skipped=tuple(skipped))


def _read_study(truth: Path, progress: Progress) -> tuple[list[LabelledSeries], list[Skip]]:
    study_uid, series_uid, boxes = _read_truth(truth)
    groups, skipped = find_images(truth.parent, progress)
    images = [image for group in groups for image in group.images]
    ours = [
        image
        for image in images
        if (image.study_instance_uid, image.series_instance_uid) == (study_uid, series_uid)
    ]
    present = {image.sop_instance_uid for image in ours}
    others = [image for image in images if image.sop_instance_uid not in present]
    skipped += [
        Skip(what=str(image.path), reason=f"not of the study that {TRUTH} describes")
        for image in others
    ]
    skipped += [
        Skip(what=uid, reason="boxed, but its image is not there")
        for uid in boxes
        if uid not in present
    ]
    if not ours:
        return [], [*skipped, Skip(what=str(truth), reason=f"a {TRUTH} without its slices")]
    slices = tuple(
        LabelledSlice(
            sop_instance_uid=image.sop_instance_uid,
            patient_id=study_uid,
            study_instance_uid=study_uid,
            series_instance_uid=series_uid,
            path=image.path,
            label=image.sop_instance_uid in boxes,
            kinds=frozenset(box.kind for box in boxes.get(image.sop_instance_uid, ())),
            boxes=boxes.get(image.sop_instance_uid, ()),
        )
        for image in ours
    )
    study = LabelledSeries(
        source="phantom",
        patient_id=study_uid,
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        slices=slices,
        label=bool(boxes),
        kinds=frozenset().union(*(slice_.kinds for slice_ in slices)),
    )
    return [study], skipped


def _read_truth(truth: Path) -> tuple[str, str, dict[str, tuple[Box, ...]]]:
    """StudyInstanceUID, SeriesInstanceUID and the boxes by SOPInstanceUID."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    try:
        document: dict[str, Any] = json.loads(truth.read_text(encoding="utf-8"))
        for bleed in document["bleeds"]:
            for place in bleed["boxes"]:
                boxes[str(place["sop_instance_uid"])].append(_box(bleed["kind"], place["box"]))
        study_uid, series_uid = (
            str(document["study_instance_uid"]),
            str(document["series_instance_uid"]),
        )
    except OSError as error:
        raise DataError(f"cannot read {truth}: {error.strerror}; check its permissions") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{truth} is not what `ich-node phantom` writes ({error!r}); make the study again"
        ) from error
    return study_uid, series_uid, {uid: tuple(of_slice) for uid, of_slice in boxes.items()}


def _box(kind: str, corners: list[float]) -> Box:
    if kind not in BLEED_KINDS:
        raise ValueError(f"{kind} is no kind of bleed")
    row0, column0, row1, column1 = (float(corner) for corner in corners)
    return Box(kind=kind, row0=row0, column0=column0, row1=row1, column1=column1)
