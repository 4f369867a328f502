"""8-bit images of a brain window -> Hounsfield units: what the window cut off is made up again,
always in the same way.

Measured in CT-ICH 1.0 to 1.2 (their window is called 40/120): black is -30 HU, white 110 HU. What
is white is bone, denser with its depth. What is black is air around the head, and in it where its
border is steep; else it is fat. What lies between keeps its density, the partial volume at bone
included.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from training.errors import DataError

# Not stated. Heads of the usual size say 0.37 to 0.46 mm in 640 pixels: the middle.
FIELD_MM = 0.41 * 640
BLACK_HU, WHITE_HU = -30.0, 110.0
# JPEG leaves white and black by a few values
WHITE_FROM, BLACK_TO = 249, 6
AIR_HU, FAT_HU = -1000.0, -85.0
BONE_HU = 1300.0
# Half of the way from white to dense bone at this depth: the edge of a scanner's kernel and the
# obliquity of the skull in a slice of 5 mm.
BONE_DEPTH_MM = 0.8
FAT_DEPTH_MM = 0.8
BLUR_PX = 0.5  # of the resampling that made the images; what is white has lost it
SKIN_GAP_MM = 2.0  # a line of skin with such gaps still encloses its fat
# The second pixel from air is as bright as what lies there, the second from fat is between both:
# means of 105 and more, and of less (of 0.41 mm; two heaps, with few in between).
AIR_RING_GREY = 105
RING_PX = (3, 5)


def pixel_mm(columns: int) -> float:
    """Of an image of the whole field of view."""
    return FIELD_MM / columns


def read_grey(path: Path) -> NDArray[np.uint8]:
    """An image's brightness. Raises DataError."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); get it again") from error


def image_size(path: Path) -> tuple[int, int]:
    """Rows and columns, by the header. Raises DataError."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); get it again") from error


def hounsfield_of(grey_YX: NDArray[np.uint8], size_mm: float) -> NDArray[np.float32]:
    """HU of an image of one head. size_mm: of its pixels."""
    hu_YX = BLACK_HU + grey_YX.astype(np.float32) * np.float32((WHITE_HU - BLACK_HU) / 255)
    white_YX, black_YX = grey_YX >= WHITE_FROM, grey_YX <= BLACK_TO
    depth_mm = ndimage.distance_transform_edt(white_YX, sampling=size_mm)
    rise_YX = (BONE_HU - WHITE_HU) * (1 - np.exp2(-depth_mm / BONE_DEPTH_MM))
    hu_YX += ndimage.gaussian_filter(rise_YX.astype(np.float32), BLUR_PX)
    head_YX = _head(black_YX, size_mm)
    hu_YX[black_YX & ~head_YX] = AIR_HU
    inside_YX = black_YX & head_YX
    cells_YX = _cells(grey_YX, inside_YX)
    hu_YX[cells_YX] = AIR_HU
    fat_YX = inside_YX & ~cells_YX
    depth_mm = ndimage.distance_transform_edt(fat_YX, sampling=size_mm)
    fat_hu_YX = FAT_HU + (BLACK_HU - FAT_HU) * np.exp2(-depth_mm / FAT_DEPTH_MM)
    hu_YX[fat_YX] = fat_hu_YX[fat_YX]
    return hu_YX


def _head(black_YX: NDArray[np.bool_], size_mm: float) -> NDArray[np.bool_]:
    """The largest thing in the image, with all that it encloses."""
    gap_px = max(1, round(SKIN_GAP_MM / 2 / size_mm))
    margin = np.s_[gap_px:-gap_px, gap_px:-gap_px]
    closed_YX = ndimage.binary_closing(np.pad(~black_YX, gap_px), iterations=gap_px)[margin]
    things_YX, count = ndimage.label(ndimage.binary_fill_holes(closed_YX))
    if not count:
        return np.zeros(black_YX.shape, dtype=bool)
    return np.asarray(things_YX == 1 + np.argmax(np.bincount(things_YX.ravel())[1:]))


def _cells(grey_YX: NDArray[np.uint8], black_YX: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The black parts that are air: their border is steep."""
    parts_YX, count = ndimage.label(black_YX)
    near_YX, far_YX = (ndimage.grey_dilation(parts_YX, size=(px, px)) for px in RING_PX)
    ring_YX = np.where((near_YX == 0) & ~black_YX, far_YX, 0)
    pixels = np.bincount(ring_YX.ravel(), minlength=count + 1)
    grey = np.bincount(ring_YX.ravel(), grey_YX.ravel().astype(float), minlength=count + 1)
    is_air = grey > AIR_RING_GREY * np.maximum(pixels, 1)
    is_air[0] = False
    return np.asarray(is_air[parts_YX])
