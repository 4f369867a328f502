"""A contact sheet of a pool: slices in the brain window with the outline of their blood."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ich_node.detection.network_input import BRAIN
from training.pool import FIELD_MM
from training.pool_examples import LEAST_BLOOD_MM2, chunks_of

COLUMNS = 8
CAPTION_PX = 14
LEAST_PX = 256  # smaller slices are enlarged to this
OUTLINE = (255, 70, 70)
TEXT = (255, 220, 90)


def draw_sheet(folder: Path, out: Path, *, count: int, seed: int) -> tuple[int, int]:
    """Draw `count` random slices of a pool, in the pool's order; the same seed shows the same ones.
    Returns how many it drew, and how many of them show blood. Raises DataError, OSError.
    """
    chunks = chunks_of(folder)
    total, first = sum(map(len, chunks)), len(chunks[0])
    shown = np.random.default_rng(seed).choice(total, min(count, total), replace=False)
    rows = {int(index): chunks[index // first][index % first] for index in np.sort(shown)}
    size_px = max(chunks[0].dtype["hu"].shape[0], LEAST_PX)
    columns, height = min(COLUMNS, len(rows)), size_px + CAPTION_PX
    sheet = Image.new("RGB", (columns * size_px, -(-len(rows) // columns) * height))
    draw = ImageDraw.Draw(sheet)
    positive = 0
    for place, (index, row) in enumerate(rows.items()):
        left, top = place % columns * size_px, place // columns * height
        area_mm2 = int(np.count_nonzero(row["mask"])) * (FIELD_MM / len(row["mask"])) ** 2
        positive += int(area_mm2 >= LEAST_BLOOD_MM2)
        draw.text((left + 3, top + 1), _caption(index, area_mm2, row["mask"]), fill=TEXT)
        sheet.paste(_picture(row, size_px), (left, top + CAPTION_PX))
    sheet.save(out)
    return len(rows), positive


def _caption(index: int, area_mm2: float, mask_YX: NDArray[np.uint8]) -> str:
    if not area_mm2:
        return f"{index}"
    places = ndimage.label(mask_YX)[1]
    where = "" if places == 1 else f" in {places} places"
    small = ", counts as none" if area_mm2 < LEAST_BLOOD_MM2 else ""
    return f"{index}: {area_mm2:.0f} mm2{where}{small}"


def _picture(row: Any, size_px: int) -> Image.Image:
    grey_YX = np.clip((row["hu"] - BRAIN.lower_hu) / BRAIN.width_hu, 0, 1) * 255
    picture = Image.fromarray(grey_YX.astype(np.uint8)).convert("RGB")
    picture = picture.resize((size_px, size_px), Image.Resampling.BILINEAR)
    mask = Image.fromarray((row["mask"] > 0).astype(np.uint8) * 255)
    mask_YX = np.asarray(mask.resize((size_px, size_px), Image.Resampling.NEAREST)) > 0
    rgb_YXC = np.array(picture)
    # around the blood, so that its edge is seen
    rgb_YXC[ndimage.binary_dilation(mask_YX) & ~mask_YX] = OUTLINE
    return Image.fromarray(rgb_YXC)
