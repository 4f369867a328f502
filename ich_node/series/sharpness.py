"""How sharp a reconstruction is, from the brain alone. A soft kernel makes noise and edges that are
smooth over a millimetre; a bone kernel makes more noise, finer, and overshoots at edges: beside the
skull it makes the brain dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ich_node.series.brain_region import BrainRegion
from ich_node.series.morphology import in_pixels

CORTEX_MM = 5.0  # sulci are edges in every reconstruction
NEAR_MM, FAR_MM = 1.0, 4.0
DEVIATION = 1.05  # of the noise, from the median difference of two pixels: 1 / 0.6745 / sqrt(2)
LEAST_PIXELS = 500
COARSEST_MM = 1.0  # in larger pixels neighbours differ whatever the kernel
SKULL_MM = 2.0  # beside it overshoot is seen, and no partial volume of bone
LEAST_AREA_CM2 = 60.0  # of slices with a skull all around
AIR_HU = -400.0  # after an operation


@dataclass(frozen=True, kw_only=True)
class Sharpness:
    """noise_hu: standard deviation between pixels 1 mm apart. ratio: of that to the one 4 mm apart,
    1 where neighbours know nothing of each other. undershoot_hu: how much darker than the brain
    the darkest tenth of it is beside the skull.
    """

    noise_hu: float
    ratio: float
    undershoot_hu: float


# Seven real soft series (0.6 to 5 mm thick), the same with high frequencies raised to 3 and 6
# times, with unsharp masks (2 pixels, twice; what a workstation does), and with white noise:
#                 noise HU    ratio          undershoot HU
#   soft          2 to 6      0.64 to 0.80    1 to 16 (at most 24 in a slice)
#   3 times       5 to 12     0.81 to 0.96   14 to 31
#   6 times       8 to 21     0.89 to 1.01   57 to 175
#   unsharp mask  7 to 16     0.80 to 0.94   133 to 263
#   noise of 10   10 to 12    0.87 to 0.95    5 to 19
#   noise of 20   20 to 21      0.95 to 0.99   13 to 30
# Liquor over the brain, as after an old subdural hematoma, is 30 to 40 HU darker.
SHARP_NOISE_HU, SHARP_RATIO = 6.5, 0.88
SHARP_UNDERSHOOT_HU, CERTAIN_UNDERSHOOT_HU = 25.0, 55.0
OF_NOISE = 0.5  # noise, too, makes the darkest tenth darker


def judged(measured: Sharpness) -> Literal["soft", "sharp", "perhaps sharp"]:
    if measured.noise_hu < SHARP_NOISE_HU:
        return "soft"
    fine_noise = measured.ratio >= SHARP_RATIO
    overshoots = measured.undershoot_hu >= SHARP_UNDERSHOOT_HU + OF_NOISE * measured.noise_hu
    if measured.undershoot_hu >= CERTAIN_UNDERSHOOT_HU or (fine_noise and overshoots):
        return "sharp"
    return "perhaps sharp" if fine_noise or overshoots else "soft"


def sharpness(
    slices: Sequence[tuple[NDArray[Any], tuple[float, float], BrainRegion]],
) -> Sharpness | None:
    """slices: HU, pixel spacing and the region of the brain. The median slice; None if no slice
    shows enough of the inner brain.
    """
    noises = [
        noise
        for hu_YX, spacing_mm, region in slices
        if (noise := _noises(hu_YX, spacing_mm, region)) is not None
    ]
    if not noises:
        return None
    near_S, far_S = np.array(noises).T
    undershoots = [
        _undershoot(hu_YX, region)
        for hu_YX, _, region in slices
        if region.area_cm2 >= LEAST_AREA_CM2
    ]
    return Sharpness(
        noise_hu=float(np.median(near_S)),
        ratio=float(np.median(near_S / np.maximum(far_S, 0.5))),
        undershoot_hu=float(np.median(undershoots)) if undershoots else 0.0,
    )


def _noises(
    hu_YX: NDArray[Any], spacing_mm: tuple[float, float], region: BrainRegion
) -> tuple[float, float] | None:
    """Between pixels that lie NEAR_MM and FAR_MM apart, along rows and columns."""
    if max(spacing_mm) > COARSEST_MM:
        return None
    rows, columns = np.nonzero(region.inner(CORTEX_MM)) * np.array(region.step)
    if rows.size < LEAST_PIXELS:
        return None
    hu = hu_YX[rows, columns].astype(np.float32)

    def noise(apart_mm: float) -> float:
        down, right = (in_pixels(apart_mm, pixel_mm) for pixel_mm in spacing_mm)
        below = hu_YX[np.minimum(rows + down, hu_YX.shape[0] - 1), columns]
        beside = hu_YX[rows, np.minimum(columns + right, hu_YX.shape[1] - 1)]
        return DEVIATION * float((np.median(abs(below - hu)) + np.median(abs(beside - hu))) / 2)

    return noise(NEAR_MM), noise(FAR_MM)


def _undershoot(hu_YX: NDArray[Any], region: BrainRegion) -> float:
    coarse_YX = hu_YX[:: region.step, :: region.step]
    beside_skull = coarse_YX[region.outer(SKULL_MM)]
    beside_skull = beside_skull[beside_skull > AIR_HU]
    if not beside_skull.size:
        return 0.0
    return float(np.median(coarse_YX[region.mask_YX]) - np.percentile(beside_skull, 10))
