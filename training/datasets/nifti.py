"""A NIfTI-1 volume as axial slices in the order of the file, oriented as DICOM shows a head."""

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

HEADER_BYTES = 348
MAGIC = b"n+1"  # header and data in one file
# NIfTI's axes point to the right and the front, those of DICOM to the left and the back
LPS_OF_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Volume:
    """values_SYX, and its geometry in mm in the patient (LPS): the centre of the first pixel, and
    the step from one slice, row and column to the next.

    Rows go to the back and columns to the left of the patient; slices stay in the order of the
    file.
    """

    values_SYX: NDArray[Any]
    origin_mm: NDArray[np.float64]
    slice_step_mm: NDArray[np.float64]
    row_step_mm: NDArray[np.float64]
    column_step_mm: NDArray[np.float64]


def read_volume(path: Path) -> Volume:
    """Raises DataError for anything but an axial NIfTI-1 volume in one file."""
    values_SYX, affine = _values_and_affine(path)
    column, row, slice_, origin = (affine[:3] * LPS_OF_RAS[:, None]).T
    if not np.isfinite(affine).all() or any(
        abs(step[axis]) < 0.8 * np.linalg.norm(step)
        for axis, step in enumerate((column, row, slice_))
    ):
        raise DataError(
            f"{path} is not axial: its first axis must go from side to side, "
            "its third from feet to head"
        )
    if column[0] < 0:
        values_SYX = values_SYX[:, :, ::-1]
        origin, column = origin + column * (values_SYX.shape[2] - 1), -column
    if row[1] < 0:
        values_SYX = values_SYX[:, ::-1]
        origin, row = origin + row * (values_SYX.shape[1] - 1), -row
    return Volume(
        values_SYX=values_SYX,
        origin_mm=origin,
        slice_step_mm=slice_,
        row_step_mm=row,
        column_step_mm=column,
    )


def _values_and_affine(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The scaled values by slice, row and column; the affine from (column, row, slice) to RAS mm.

    nibabel reserves memory for what the header promises, so the length is checked first.
    """
    from nibabel.nifti1 import Nifti1Header  # here: it takes 0.3 s, and only CT-ICH is NIfTI
    from nibabel.spatialimages import HeaderDataError

    file = io.BytesIO(_read(path))
    try:
        header = Nifti1Header.from_fileobj(file)
        shape, dtype = header.get_data_shape(), header.get_data_dtype()
        promised = header.get_data_offset() + math.prod(shape) * dtype.itemsize
        if header["magic"] != MAGIC:
            raise DataError(f"{path} is not a NIfTI-1 file (.nii); get it again")
        if len(shape) < 3 or min(shape) < 1 or math.prod(shape[3:]) != 1 or dtype.kind not in "iuf":
            raise DataError(
                f"{path} is no plain volume (dimensions {shape}, data type {dtype}); "
                "convert it to one"
            )
        if promised > len(file.getbuffer()):
            raise DataError(f"{path} is cut short; get it again")
        if header["sform_code"] <= 0 and header["qform_code"] <= 0:
            raise DataError(
                f"{path} does not say how it lies in the patient (neither sform nor qform); "
                "get the file again"
            )
        values_XYS = header.data_from_fileobj(file).reshape(shape[:3])
        with np.errstate(invalid="ignore"):  # a damaged number is refused as not axial
            affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (HeaderDataError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is not a NIfTI-1 file (.nii): {error}; get it again") from error
    return values_XYS.T, affine


def _read(path: Path) -> bytes:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; get the file again") from error
    if len(data) < HEADER_BYTES:
        raise DataError(f"{path} is too short for a NIfTI-1 file; get it again")
    return data
