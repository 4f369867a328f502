"""A NIfTI-1 volume as axial slices in the order of the file, turned as DICOM shows a head. It takes
no nibabel.
"""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

HEADER_BYTES = 348
MAGIC = b"n+1\0"  # header and data in one file
DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
# NIfTI counts to the right and the front, DICOM to the left and the back
LPS_OF_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Volume:
    """values_SYX; where its first pixel lies and how far one slice, row and column further is, mm
    in the patient (LPS).

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
    data = _read(path)
    order = "<" if struct.unpack_from("<i", data, 0)[0] == HEADER_BYTES else ">"
    if struct.unpack_from(f"{order}i", data, 0)[0] != HEADER_BYTES or data[344:348] != MAGIC:
        raise DataError(f"{path} is not a NIfTI-1 file (.nii); get it again")
    values_SYX = _values(path, data, order)
    affine = _affine(path, data, order) * LPS_OF_RAS[:, None]
    column, row, slice_, origin = affine.T
    if any(
        abs(step[axis]) < 0.8 * np.linalg.norm(step)
        for axis, step in enumerate((column, row, slice_))
    ):
        raise DataError(
            f"{path} is not axial: its first axis must go from side to side, its third from feet to head"
        )
    if column[0] < 0:
        values_SYX, origin, column = (
            values_SYX[:, :, ::-1],
            origin + column * (values_SYX.shape[2] - 1),
            -column,
        )
    if row[1] < 0:
        values_SYX, origin, row = (
            values_SYX[:, ::-1],
            origin + row * (values_SYX.shape[1] - 1),
            -row,
        )
    return Volume(
        values_SYX=values_SYX,
        origin_mm=origin,
        slice_step_mm=slice_,
        row_step_mm=row,
        column_step_mm=column,
    )


def _read(path: Path) -> bytes:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; get the file again") from error
    if len(data) < HEADER_BYTES:
        raise DataError(f"{path} is too short for a NIfTI-1 file; get it again")
    return data


def _values(path: Path, data: bytes, order: str) -> NDArray[Any]:
    """The scaled values. The file's first axis is the column and runs fastest, so its C order is
    slice, row, column.
    """
    dimensions = struct.unpack_from(f"{order}8h", data, 40)
    datatype = struct.unpack_from(f"{order}h", data, 70)[0]
    offset, slope, intercept = struct.unpack_from(f"{order}3f", data, 108)
    if (
        dimensions[0] < 3
        or any(size != 1 for size in dimensions[4 : dimensions[0] + 1])
        or datatype not in DTYPES
    ):
        raise DataError(
            f"{path} is no plain volume (dimensions {dimensions[1:]}, data type {datatype}); convert it to one"
        )
    columns, rows, slices = dimensions[1:4]
    dtype = np.dtype(order + DTYPES[datatype])
    if int(offset) + columns * rows * slices * dtype.itemsize > len(data):
        raise DataError(f"{path} is cut short; get it again")
    values = np.frombuffer(data, dtype, count=columns * rows * slices, offset=int(offset)).reshape(
        slices, rows, columns
    )
    return values if slope in (0, 1) and intercept == 0 else values * slope + intercept


def _affine(path: Path, data: bytes, order: str) -> NDArray[np.float64]:
    """3 x 4, voxel index (column, row, slice) to mm in RAS: the sform, else the qform (nifti1.h,
    methods 3 and 2).
    """
    qform, sform = struct.unpack_from(f"{order}2h", data, 252)
    if sform > 0:
        return np.array(struct.unpack_from(f"{order}12f", data, 280), dtype=np.float64).reshape(
            3, 4
        )
    if qform <= 0:
        raise DataError(
            f"{path} does not say how it lies in the patient (neither sform nor qform); get the file again"
        )
    b, c, d, *offset = struct.unpack_from(f"{order}6f", data, 256)
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed, *steps_mm = struct.unpack_from(f"{order}4f", data, 76)
    steps_mm[2] *= -1 if handed < 0 else 1
    return np.column_stack([rotation * np.array(steps_mm), np.array(offset)])
