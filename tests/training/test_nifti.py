"""NIfTI-1 volumes: golden readings of every kind of header, and a sentence for every malformed
file.

The golden digests were made with the parser that ich-node had before it used nibabel.
"""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from training.datasets.nifti import Volume, read_volume
from training.errors import DataError

PIXEL_MM, SLICE_MM = 0.45, 5.0
CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768}
AXIAL = np.array([[PIXEL_MM, 0, 0, -101.5], [0, PIXEL_MM, 0, -90.25], [0, 0, SLICE_MM, 12.5]])
MIRRORED = AXIAL * np.array([[-1], [1], [1]])
LYING = AXIAL * np.array([[-1], [-1], [1]])
LEANING = AXIAL + np.array([[0, 0, 0, 0], [0, 0, -0.9, 0], [0, 0.08, 0, 0]])


def nifti(
    dtype: str = "i2",
    order: str = "<",
    *,
    scale: tuple[float, float] = (1, 0),
    sform: np.ndarray | None = AXIAL,
    qform: tuple[float, ...] | None = None,
    dimensions: tuple[int, ...] = (3, 6, 5, 4, 1, 1, 1, 1),
    offset: int = 352,
) -> bytes:
    """A file of 4 slices of 5 x 6 pixels, byte by byte. qform: qfac, b, c, d, x, y, z."""
    header = bytearray(offset)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, *dimensions)
    struct.pack_into(f"{order}2h", header, 70, CODES[dtype], 8 * np.dtype(dtype).itemsize)
    qfac, *quaternion = qform or (1, 0, 0, 0, 0, 0, 0)
    struct.pack_into(f"{order}4f", header, 76, qfac, PIXEL_MM, PIXEL_MM, SLICE_MM)
    struct.pack_into(f"{order}3f", header, 108, offset, *scale)
    struct.pack_into(f"{order}2h", header, 252, qform is not None, sform is not None)
    struct.pack_into(f"{order}6f", header, 256, *quaternion)
    if sform is not None:
        struct.pack_into(f"{order}12f", header, 280, *sform.ravel())
    header[344:348] = b"n+1\0"
    values = np.arange(4 * 5 * 6).reshape(4, 5, 6) * (1 if dtype in ("u1", "i1") else 25)
    if dtype[0] == "f":
        values = values + 0.25
    return bytes(header) + values.astype(f"{order}{dtype}").tobytes()


def digest(volume: Volume) -> str:
    """Of the values, and of the geometry to 1e-4 mm."""
    geometry = [
        np.round(step, 4) + 0.0
        for step in (
            volume.origin_mm,
            volume.slice_step_mm,
            volume.row_step_mm,
            volume.column_step_mm,
        )
    ]
    shape = str(volume.values_SYX.shape).encode()
    values = np.round(volume.values_SYX.astype(np.float64), 4).tobytes()
    return hashlib.sha256(shape + values + np.stack(geometry).tobytes()).hexdigest()[:12]


GOLDEN = {
    "as usual": nifti(),
    "big-endian": nifti(order=">"),
    **{dtype: nifti(dtype) for dtype in CODES},
    "big-endian f8": nifti("f8", ">"),
    "scaled": nifti(scale=(2, -1024)),
    "scaled by halves": nifti("u2", scale=(0.5, -100.5)),
    "scaled f4": nifti("f4", scale=(2, -24)),
    "slope 0 is no slope": nifti(scale=(0, 0)),
    "a fourth axis of one": nifti(dimensions=(4, 6, 5, 4, 1, 1, 1, 1)),
    "an extension before the data": nifti(offset=400),
    "mirrored": nifti(sform=MIRRORED),
    "lying": nifti(sform=LYING),
    "a leaning gantry": nifti(sform=LEANING),
    "qform": nifti(sform=None, qform=(1, 0, 0, 0, 3.5, -2.25, 8)),
    "qform, half a turn": nifti(sform=None, qform=(1, 0, 0, 1, 10, 20, 30)),
    "qform, left-handed": nifti(sform=None, qform=(-1, 0, 1, 0, 10, 20, 30)),
    "qform, a little turned": nifti(sform=None, qform=(1, 0.02, 0.03, 0.05, 1, 2, 3)),
    "qform, qfac 0 is 1": nifti(sform=None, qform=(0, 0, 0, 0, 1, 2, 3)),
    "both: the sform counts": nifti(qform=(1, 0, 0, 1, 10, 20, 30)),
}
DIGESTS = {
    "as usual": "8860d9a5405f",
    "big-endian": "8860d9a5405f",
    "u1": "70ff7c755878",
    "i2": "8860d9a5405f",
    "i4": "8860d9a5405f",
    "f4": "4ec4d5157a0a",
    "f8": "4ec4d5157a0a",
    "i1": "70ff7c755878",
    "u2": "8860d9a5405f",
    "u4": "8860d9a5405f",
    "big-endian f8": "4ec4d5157a0a",
    "scaled": "0a66259bbd0c",
    "scaled by halves": "4313071d1067",
    "scaled f4": "27b43fe534fd",
    "slope 0 is no slope": "8860d9a5405f",
    "a fourth axis of one": "8860d9a5405f",
    "an extension before the data": "8860d9a5405f",
    "mirrored": "371b3069b92c",
    "lying": "820496cfbda7",
    "a leaning gantry": "b5c5e9ddfa43",
    "qform": "2eae4af65283",
    "qform, half a turn": "94ddd1fc9a8e",
    "qform, left-handed": "e9ff6256090f",
    "qform, a little turned": "0f358b9d4378",
    "qform, qfac 0 is 1": "6f70206aad2e",
    "both: the sform counts": "8860d9a5405f",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_volumes_are_read_as_before(name: str, tmp_path: Path) -> None:
    """Values and geometry, plain and compressed."""
    plain, compressed = tmp_path / "volume.nii", tmp_path / "volume.nii.gz"
    plain.write_bytes(GOLDEN[name])
    compressed.write_bytes(gzip.compress(GOLDEN[name]))
    assert digest(read_volume(plain)) == DIGESTS[name]
    assert digest(read_volume(compressed)) == DIGESTS[name]


def test_an_intercept_without_slope_is_no_scaling(tmp_path: Path) -> None:
    """nifti1.h: scl_slope 0 means that the values are not scaled, whatever scl_inter says."""
    path = tmp_path / "volume.nii"
    path.write_bytes(nifti(scale=(0, 7)))
    assert digest(read_volume(path)) == DIGESTS["as usual"]


def damaged(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "too short for a NIfTI-1 file"),
        (nifti()[:300], "too short for a NIfTI-1 file"),
        (bytes(400), "is not a NIfTI-1 file"),
        (bytes(range(256)) * 2, "is not a NIfTI-1 file"),
        (damaged(nifti(), 344, b"ni1\0"), "is not a NIfTI-1 file"),
        (damaged(nifti(), 344, b"xyz\0"), "is not a NIfTI-1 file"),
        (nifti()[:-1], "is cut short"),
        (nifti()[:348], "is cut short"),
        (nifti(dimensions=(3, 32767, 32767, 32767, 1, 1, 1, 1)), "is cut short"),
        (nifti(dimensions=(2, 6, 5, 1, 1, 1, 1, 1)), "no plain volume"),
        (nifti(dimensions=(4, 6, 5, 2, 2, 1, 1, 1)), "no plain volume"),
        (damaged(nifti(), 70, struct.pack("<2h", 32, 64)), "no plain volume"),  # complex
        (damaged(nifti(), 70, struct.pack("<2h", 128, 24)), "no plain volume"),  # RGB
        (damaged(nifti(), 70, struct.pack("<2h", 999, 16)), "data code 999 not recognized"),
        (nifti(sform=None), "neither sform nor qform"),
        (nifti(sform=AXIAL[[0, 2, 1]]), "is not axial"),
    ],
)
def test_malformed_files_are_named(data: bytes, sentence: str, tmp_path: Path) -> None:
    """Each with its sentence, plain and compressed; nothing else is raised."""
    for path, written in (
        (tmp_path / "volume.nii", data),
        (tmp_path / "volume.nii.gz", gzip.compress(data)),
    ):
        path.write_bytes(written)
        with pytest.raises(DataError, match=sentence) as refused:
            read_volume(path)
        assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(nifti())[:60]], ids=["no gzip", "cut short"]
)
def test_a_damaged_compression_is_named(data: bytes, tmp_path: Path) -> None:
    """What gzip cannot read is asked for again."""
    path = tmp_path / "volume.nii.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot read .*volume\.nii\.gz"):
        read_volume(path)


def test_any_damaged_byte_is_read_or_refused(tmp_path: Path) -> None:
    """Each byte of the header, set to 127 and 255: a volume or a DataError, nothing else.

    Some spoil the origin alone, or what nobody reads; the others are refused.
    """
    path = tmp_path / "volume.nii"
    whole = nifti(qform=(1, 0, 0, 0, 1, 2, 3))
    refused = 0
    for at in range(348):
        for value in (127, 255):
            path.write_bytes(damaged(whole, at, bytes([value])))
            try:
                read_volume(path)
            except DataError:
                refused += 1
    assert 40 < refused < 2 * 348
