"""Small trees of 8-bit images in a brain window, made of a phantom."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from ich_node.phantom import make_study
from tests.support.training.dataset_trees import write_table
from training.datasets.ct_ich_table import COLUMNS
from training.datasets.halves import COLUMNS as HALF_COLUMNS
from training.datasets.windowed import BLACK_HU, WHITE_HU

ROWS = 320
SLICES = 18
MANIFEST_HEADER = [
    "file",
    "patient",
    "official_types",
    "third_party_boxes(type x y w h)",
]


@cache
def phantom_hu() -> np.ndarray:
    """hu_SYX of a head without bleeding: slices of 8 mm, from the base upwards."""
    study = make_study(7, bleeds=[], rows=ROWS, slice_mm=8)
    return np.stack([slice_.hu_YX for slice_ in study.slices])[:SLICES]


def in_window(hu_YX: np.ndarray) -> np.ndarray:
    """grey_YX as the data set shows HU."""
    grey_YX = (hu_YX - BLACK_HU) * 255 / (WHITE_HU - BLACK_HU)
    return np.clip(np.rint(grey_YX), 0, 255).astype(np.uint8)


def save_jpeg(grey_YX: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey_YX).save(path, quality=95)


def tissue_tree(folder: Path) -> None:
    """Patients 60 and 61 with two slices each, all with a clean left half, one of them doubtful;
    one image is not there.
    """
    hu_SYX = phantom_hu()
    rows, halves = [], []
    for patient in (60, 61):
        for number in range(2):
            name = f"{patient:03d}_{number:02d}.jpg"
            hu_YX = hu_SYX[7 + number + patient % 2].copy()
            hu_YX[150:170, 190:215] = 70
            save_jpeg(in_window(ndimage.gaussian_filter(hu_YX, 0.7)), folder / "images" / name)
            types = "Subdural|Fracture" if number else "Intraparenchymal"
            box = "IPH 0.6328125 0.5 0.078125 0.0625;ABC 0.1 0.2 0.02 0.04" if not number else ""
            rows.append([name, patient, types, box])
            middle = (ROWS - 1) / 2
            looked_at = "doubtful" if (patient, number) == (61, 1) else "clean"
            halves.append([name, 0.0, middle, middle, "left", looked_at])
    rows.append(["061_02.jpg", 61, "Subdural", ""])
    write_table(folder / "manifest.csv", MANIFEST_HEADER, rows)
    write_table(folder / "clean_halves.csv", list(HALF_COLUMNS), halves)


def ct_ich_8bit_tree(folder: Path) -> None:
    """Patients 49, whose slice 4 bleeds and has a mask of two parts, and 50, without bleeding and
    without the image of slice 2.
    """
    rows = []
    for patient in (49, 50):
        images = folder / "Patients_CT" / f"{patient:03d}" / "brain"
        for index, hu_YX in enumerate(phantom_hu()):
            bleeds = int((patient, index) == (49, 3))
            rows.append([patient, index + 1, 0, 0, 0, bleeds, 0, 1 - bleeds, 0])
            if (patient, index) != (50, 1):
                save_jpeg(in_window(hu_YX), images / f"{index + 1}.jpg")
    mask_YX = np.zeros((ROWS, ROWS), np.uint8)
    mask_YX[100:110, 60:72] = 255
    mask_YX[200:204, 90:92] = 255
    save_jpeg(mask_YX, folder / "Patients_CT" / "049" / "brain" / "4_HGE_Seg.jpg")
    header = [*COLUMNS, "Fracture_Yes_No"]
    write_table(folder / "hemorrhage_diagnosis.csv", header, rows, bom=True)
