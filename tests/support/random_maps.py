"""Random likelihood maps and peak rules, with the cases in which detectors differ."""

import numpy as np

from ich_node.detection.peaks import PeakRule, upsample


def random_map(rng: np.random.Generator) -> np.ndarray:
    """Logits, softmax weights, raw noise; rounded to few levels, so that many pixels tie; plateaus
    and terraces.
    """
    low_YX = rng.normal(size=rng.integers(6, 33, 2)).astype(np.float32)
    size_px = int(rng.integers(24, 90))
    match rng.choice(["logits", "weights", "noise", "levels", "terraces"]):
        case "weights":
            weights_YX = np.exp(4 * low_YX)
            return upsample(weights_YX / weights_YX.sum(), size_px)
        case "noise":
            return low_YX
        case "levels":
            steps = np.float32(rng.choice([2, 8]))
            return np.rint(steps * upsample(low_YX, size_px)) / steps
        case "terraces":
            map_YX = np.full(rng.integers(10, 60, 2), rng.normal(), dtype=np.float32)
            for _ in range(rng.integers(12)):
                row, column = rng.integers(map_YX.shape)
                map_YX[row : row + rng.integers(1, 20), column : column + rng.integers(1, 20)] = (
                    rng.integers(-4, 5) / 2
                )
            return map_YX
    return upsample(low_YX, size_px)


def random_rule(rng: np.random.Generator, map_YX: np.ndarray) -> PeakRule:
    """With the values at which something begins to count or stops: T on a pixel's value, h on the
    map's range.
    """
    lowest, range_ = float(map_YX.min()), float(np.ptp(map_YX))
    return PeakRule(
        min_distance_px=int(rng.choice([1, 2, rng.integers(1, 12), rng.integers(1, 120)])),
        min_likelihood=float(
            rng.choice(
                [rng.choice(map_YX.ravel()), lowest + rng.uniform(-0.1, 1) * range_, lowest - 1]
            )
        ),
        min_prominence=float(
            rng.choice([0.0, 1e-9, 0.5, 1.0, rng.uniform(0, 1.1) * range_, range_])
        ),
        exclude_border=bool(rng.integers(2)),
    )
