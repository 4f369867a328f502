"""Any site's data: DICOM in any folders, and labels.csv beside or above them, made by hand or by
`ich-node jobs export`.

A slice that nobody judged is negative if its series is, and else unknown. A series that bleeds may
have no slice that is known: then its own label is all there is to learn from.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ich_node.percent import counted
from training.datasets.choose import Candidate, candidate_of, left_out
from training.datasets.frame_uids import frame_uid
from training.datasets.images import Image, ImageSeries, Progress, find_images, no_progress
from training.datasets.label_patients import patients_of
from training.datasets.label_places import FitsNothing, LabelPlaces, Place
from training.datasets.label_table import (
    LabelLine,
    LabelTable,
    need_label_table,
    read_label_table,
)
from training.datasets.label_votes import SELF_CONTRADICTION, Said, SeriesLabels, labels_of
from training.datasets.labelled import (
    CHRONIC,
    Found,
    LabelledSeries,
    LabelledSlice,
    Skip,
    series_label,
)

NO_ROW = "a series without a row in the table"
NOTHING_KNOWN = "a series of which every row says unknown"
IMAGE_LEFT_OUT = "a row about an image that is left out of its series"

Rows = Mapping[int, Sequence[tuple[LabelLine, Place]]]  # by the number of the series


def read_site(folder: Path, *, progress: Progress = no_progress, chronic: bool = True) -> Found:
    """Every series of which the table says something. chronic False: what bleeds by a chronic bleed
    alone has no label. Raises DataError if the table cannot be used.
    """
    table = read_label_table(need_label_table(folder))
    groups, skipped = find_images(folder, progress, patient_needed=False)
    places = LabelPlaces(groups, root=table.path.parent, folder=folder, skipped=skipped)
    rows, unfit = _placed(table, places)
    patients = patients_of({n: [line for line, _ in of] for n, of in rows.items()}, groups)
    skipped += [*table.skipped, *unfit, *patients.skipped]
    series: list[LabelledSeries] = []
    for number, patient in patients.of_series.items():
        labels = labels_of(rows[number])
        skipped += labels.skipped
        if not labels.is_usable:
            continue
        candidate = places.candidates.get(number) or candidate_of(groups[number])
        if isinstance(candidate, Skip):
            skipped.append(candidate)
            continue
        because = candidate.description() if number in places.candidates else ""
        made = _series(candidate, labels, patient=patient, because=because, chronic=chronic)
        skipped += [*left_out([candidate]), *_rows_left_out(rows[number], candidate)]
        if objection := _objection(made, rows[number][0][0]):
            skipped.append(objection)
        else:
            series.append(made)
    skipped += [*places.worse, *_without_row(groups, rows, places)]
    return Found(
        source="labels",
        folder=folder,
        series=tuple(series),
        skipped=tuple(skipped),
        notes=_notes(table, rows, places, series),
    )


def _placed(table: LabelTable, places: LabelPlaces) -> tuple[Rows, list[Skip]]:
    """The rows about each series, and those that fit nothing."""
    for line in table.lines:
        places.named |= {line.slice, line.series_uid, line.study_uid, line.path.replace("\\", "/")}
    rows: dict[int, list[tuple[LabelLine, Place]]] = defaultdict(list)
    unfit: list[Skip] = []
    for line in table.lines:
        try:
            place = places.find(line)
        except FitsNothing as why:
            unfit.append(Skip(what=line.what, reason=why.reason, detail=why.detail, line=line.line))
        else:
            rows[place.series].append((line, place))
    return rows, unfit


def _series(
    candidate: Candidate, labels: SeriesLabels, *, patient: str, because: str, chronic: bool
) -> LabelledSeries:
    slices = []
    for image in candidate.usable:
        for frame in range(1, image.frames + 1) if image.frames > 1 else (None,):
            said = labels.of_slice(image.sop_instance_uid, frame)
            slices.append(_slice(image, frame, said, patient=patient, chronic=chronic))
    whole = _label(labels.whole, chronic)
    if labels.whole.label is None:
        whole = series_label(slice_.label for slice_ in slices)
    return LabelledSeries(
        source="labels",
        patient_id=patient,
        study_instance_uid=candidate.series.study_instance_uid,
        series_instance_uid=candidate.series.series_instance_uid,
        slices=tuple(slices),
        label=whole,
        kinds=labels.whole.kinds,
        chosen_because=because,
    )


def _slice(
    image: Image, frame: int | None, said: Said, *, patient: str, chronic: bool
) -> LabelledSlice:
    return LabelledSlice(
        sop_instance_uid=frame_uid(image.sop_instance_uid, frame),
        patient_id=patient,
        study_instance_uid=image.study_instance_uid,
        series_instance_uid=image.series_instance_uid,
        path=image.path,
        label=_label(said, chronic),
        kinds=said.kinds,
        boxes=said.boxes,
    )


def _label(said: Said, chronic: bool) -> bool | None:
    return None if said.label and said.kinds == {CHRONIC} and not chronic else said.label


def _objection(series: LabelledSeries, line: LabelLine) -> Skip | None:
    """Why nothing can be learned from the series."""
    labels = {slice_.label for slice_ in series.slices}
    if series.label and labels == {False}:
        reason, words = SELF_CONTRADICTION, "the series bleeds, but none of its slices does"
    elif series.label is None and labels == {None}:
        reason, words = NOTHING_KNOWN, ""
    else:
        return None
    return Skip(what=line.what, reason=reason, detail=words, line=line.line)


def _rows_left_out(rows: Sequence[tuple[LabelLine, Place]], candidate: Candidate) -> list[Skip]:
    usable = {image.sop_instance_uid for image in candidate.usable}
    return [
        Skip(
            what=line.what,
            reason=IMAGE_LEFT_OUT,
            detail="a localizer, or a second image of one position",
            line=line.line,
        )
        for line, place in rows
        if place.image and place.image.sop_instance_uid not in usable
    ]


def _without_row(groups: Sequence[ImageSeries], rows: Rows, places: LabelPlaces) -> list[Skip]:
    explained = {skip.what for skip in places.worse}
    return [
        Skip(
            what=group.series_instance_uid,
            reason=NO_ROW,
            detail=f"{len(group.images)} images in {group.images[0].path.parent}",
        )
        for number, group in enumerate(groups)
        if number not in rows and group.series_instance_uid not in explained
    ]


def _notes(
    table: LabelTable, rows: Rows, places: LabelPlaces, series: Sequence[LabelledSeries]
) -> tuple[str, ...]:
    fit = sum(map(len, rows.values()))
    notes = [f"{table.path}: {counted(table.count, 'row')}, {fit} about images of this folder"]
    bags = sum(each.label is True and all(s.label is None for s in each.slices) for each in series)
    if bags:
        notes.append(
            f"of {bags} series with bleeding no slice is labelled, only the series as a whole"
        )
    if series and not any(slice_.boxes for each in series for slice_ in each.slices):
        notes.append("no boxes: `ich-node evaluate` measures slices and studies, not places")
    notes += [
        f"{counted(count, 'path')} of another computer, {beginning}...: read as below "
        f"{table.path.parent}"
        for beginning, count in places.moved.items()
    ]
    return tuple(notes)
