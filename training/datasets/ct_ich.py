"""CT-ICH (PhysioNet, 1.3): a table of slices, ct_scans/<nnn>.nii in HU, and masks/<nnn>.nii for
some patients.

A volume becomes CT images in memory, so that `read_series` reads it like everything else. Versions
1.0 to 1.2 are read by `ct_ich_8bit`. The rows of a patient are in the order of the slices.
"""

from pathlib import Path

import numpy as np
from pydicom import Dataset

from training.datasets.ct_ich_table import TABLES, boxes_of_mask, patient_name, read_diagnosis
from training.datasets.ct_image import ct_image, made_up_uid
from training.datasets.images import Progress, no_progress
from training.datasets.labelled import (
    Box,
    Found,
    LabelledSeries,
    LabelledSlice,
    Skip,
    series_label,
)
from training.datasets.nifti import Volume, read_volume
from training.datasets.tables import need_table
from training.errors import DataError

SCANS = "ct_scans"


def read_ct_ich(folder: Path, *, progress: Progress = no_progress) -> Found:
    """Every volume in the table."""
    table = need_table(folder, *TABLES)
    diagnosis = read_diagnosis(table)
    if not any((folder / SCANS).glob("*.nii*")):
        raise DataError(
            f"{folder} has no {SCANS}/*.nii; version 1.3 of the data set has them (the images of "
            "1.0 to 1.2, in Patients_CT, are read with --kind ct-ich-8bit)"
        )
    series: list[LabelledSeries] = []
    skipped: list[Skip] = []
    for patient, rows in diagnosis.items():
        progress(1)
        path = _volume_path(folder / SCANS, patient)
        if path is None:
            skipped.append(
                Skip(
                    what=f"patient {patient}",
                    reason=f"in {table.name}, but its volume is not there",
                )
            )
            continue
        try:
            series.append(
                _read_patient(
                    folder, path=path, patient=patient, kinds_S=[row.kinds for row in rows]
                )
            )
        except DataError as error:
            skipped.append(
                Skip(what=str(path), reason="a volume that cannot be used", detail=error.detail)
            )
    return Found(source="ct-ich", folder=folder, series=tuple(series), skipped=tuple(skipped))


def volume_datasets(series: LabelledSeries) -> list[Dataset]:
    """The labelled slices of the volume as CT images. Raises DataError as `read_volume`."""
    volume = read_volume(series.slices[0].path)
    wanted = {slice_.sop_instance_uid for slice_ in series.slices}
    uids = [
        made_up_uid(series.patient_id, f"slice {index}") for index in range(len(volume.values_SYX))
    ]
    return [
        _dataset(volume, index=index, sop_instance_uid=uid, series=series)
        for index, uid in enumerate(uids)
        if uid in wanted
    ]


def _read_patient(
    folder: Path, *, path: Path, patient: str, kinds_S: list[frozenset[str]]
) -> LabelledSeries:
    count = len(read_volume(path).values_SYX)
    if count != len(kinds_S):
        raise DataError(
            f"{path} has {count} slices, the table {len(kinds_S)} rows for it; "
            "take both from one version"
        )
    boxes_S = _boxes(folder, patient, kinds_S)
    study_uid, series_uid = made_up_uid(patient, "study"), made_up_uid(patient, "series")
    slices = tuple(
        LabelledSlice(
            sop_instance_uid=made_up_uid(patient, f"slice {index}"),
            patient_id=patient,
            study_instance_uid=study_uid,
            series_instance_uid=series_uid,
            path=path,
            label=bool(kinds),
            kinds=kinds,
            boxes=boxes,
        )
        for index, (kinds, boxes) in enumerate(zip(kinds_S, boxes_S, strict=True))
    )
    return LabelledSeries(
        source="ct-ich",
        patient_id=patient,
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        slices=slices,
        label=series_label(slice_.label for slice_ in slices),
        kinds=frozenset().union(*kinds_S),
    )


def _boxes(folder: Path, patient: str, kinds_S: list[frozenset[str]]) -> list[tuple[Box, ...]]:
    """A box around each connected part of the mask; none if there is no mask."""
    path = _volume_path(folder / "masks", patient)
    if path is None:
        return [()] * len(kinds_S)
    mask_SYX = read_volume(path).values_SYX > 0
    if len(mask_SYX) != len(kinds_S):
        raise DataError(
            f"{path} has {len(mask_SYX)} slices, the volume {len(kinds_S)}; "
            "take both from one version"
        )
    return [boxes_of_mask(mask_YX, kinds) for mask_YX, kinds in zip(mask_SYX, kinds_S, strict=True)]


def _volume_path(folder: Path, patient: str) -> Path | None:
    name = patient_name(patient)
    return next(
        (path for suffix in (".nii", ".nii.gz") if (path := folder / f"{name}{suffix}").is_file()),
        None,
    )


def _dataset(
    volume: Volume, *, index: int, sop_instance_uid: str, series: LabelledSeries
) -> Dataset:
    row_mm, column_mm = np.linalg.norm(volume.row_step_mm), np.linalg.norm(volume.column_step_mm)
    return ct_image(
        volume.values_SYX[index],
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        number=index + 1,
        position_mm=volume.origin_mm + index * volume.slice_step_mm,
        orientation=np.concatenate(
            [volume.column_step_mm / column_mm, volume.row_step_mm / row_mm]
        ),
        spacing_mm=(float(row_mm), float(column_mm)),
    )
