"""CT-ICH (PhysioNet, 1.0 to 1.2): a table of slices, Patients_CT/<nnn>/brain/<slice>.jpg of 8 bits,
and <slice>_HGE_Seg.jpg, the mask of a slice with bleeding.

The Hounsfield units that the window cut off are made up again. Slice 1 is the lowest, and slices
are 5 mm apart; neither a tilt of the gantry nor the size of the pixels is stated.
"""

from pathlib import Path

from pydicom import Dataset

from training.datasets.ct_ich_table import (
    TABLES,
    Diagnosed,
    boxes_of_mask,
    patient_name,
    read_diagnosis,
)
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
from training.datasets.tables import need_table
from training.datasets.windowed import hounsfield_of, image_size, pixel_mm, read_grey
from training.errors import DataError

IMAGES, WINDOW = "Patients_CT", "brain"
SLICE_MM = 5.0
MASK_FROM = 128  # JPEG blurs the edge


def read_ct_ich_8bit(folder: Path, *, progress: Progress = no_progress) -> Found:
    """A series for every patient of the table."""
    table = need_table(folder, *TABLES)
    if not (folder / IMAGES).is_dir():
        raise DataError(
            f"{folder} has no {IMAGES}; versions 1.0 to 1.2 of the data set have it (ct_scans of "
            "1.3 are read with --kind ct-ich)"
        )
    series: list[LabelledSeries] = []
    skipped: list[Skip] = []
    for patient, rows in read_diagnosis(table).items():
        images = folder / IMAGES / patient_name(patient) / WINDOW
        slices: list[LabelledSlice] = []
        for row in rows:
            progress(1)
            try:
                slices.append(_slice(images, patient, row))
            except DataError as error:
                skipped.append(
                    Skip(
                        what=f"patient {patient}, slice {row.number}",
                        reason=f"in {table.name}, but its image cannot be used",
                        detail=error.detail,
                    )
                )
        if slices:
            series.append(_series(patient, slices))
    return Found(source="ct-ich-8bit", folder=folder, series=tuple(series), skipped=tuple(skipped))


def stack_datasets(series: LabelledSeries) -> list[Dataset]:
    """The slices as CT images. Raises DataError for an image that cannot be read."""
    datasets = []
    for slice_ in series.slices:
        grey_YX = read_grey(slice_.path)
        size_mm = pixel_mm(grey_YX.shape[1])
        number = int(slice_.path.stem)
        datasets.append(
            ct_image(
                hounsfield_of(grey_YX, size_mm),
                sop_instance_uid=slice_.sop_instance_uid,
                study_instance_uid=slice_.study_instance_uid,
                series_instance_uid=slice_.series_instance_uid,
                number=number,
                position_mm=(0.0, 0.0, number * SLICE_MM),
                spacing_mm=(size_mm, size_mm),
            )
        )
    return datasets


def _series(patient: str, slices: list[LabelledSlice]) -> LabelledSeries:
    return LabelledSeries(
        source="ct-ich-8bit",
        patient_id=patient,
        study_instance_uid=slices[0].study_instance_uid,
        series_instance_uid=slices[0].series_instance_uid,
        slices=tuple(slices),
        label=series_label(slice_.label for slice_ in slices),
        kinds=frozenset().union(*(slice_.kinds for slice_ in slices)),
    )


def _slice(folder: Path, patient: str, row: Diagnosed) -> LabelledSlice:
    if not row.number.isdecimal():
        raise DataError(f"its number is {row.number!r}; the images are numbered from 1")
    path = folder / f"{int(row.number)}.jpg"
    return LabelledSlice(
        sop_instance_uid=made_up_uid("8 bits", patient, "slice", row.number),
        patient_id=patient,
        study_instance_uid=made_up_uid("8 bits", patient, "study"),
        series_instance_uid=made_up_uid("8 bits", patient, "series"),
        path=path,
        label=bool(row.kinds),
        kinds=row.kinds,
        boxes=_boxes(path, row.kinds),
    )


def _boxes(path: Path, kinds: frozenset[str]) -> tuple[Box, ...]:
    """A box around each connected part of the mask; none if there is no mask. Raises DataError if
    the image is missing, or the mask is of another size.
    """
    size = image_size(path)
    mask_path = path.with_name(f"{path.stem}_HGE_Seg.jpg")
    if not kinds or not mask_path.is_file():
        return ()
    mask_YX = read_grey(mask_path) >= MASK_FROM
    if mask_YX.shape != size:
        raise DataError(f"{mask_path} has another size than its image; get both again")
    return boxes_of_mask(mask_YX, kinds)
