"""The effects of the scanner: beam hardening, streaks, blur, noise, head holder and padding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom.frame import Field, Frame, cover
from ich_node.phantom.plane import Plane

AIR_HU = -1000.0
GREATEST_HU = 3071.0


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """One protocol of one scanner, lengths in mm."""

    blur_mm: float
    noise_hu: float
    grain_mm: float  # correlation length of the noise
    sharpened: float
    cupping_hu: float
    cupping_mm: float
    petrous_band_hu: float
    streak_hu: float
    holder: bool
    holder_gap_mm: float
    padding_hu: float | None
    field_mm: float  # radius of the reconstructed circle
    motion: bool


def draw_scanner(rng: np.random.Generator, *, half_field_mm: float) -> Scanner:
    padded = rng.random() < 0.5
    return Scanner(
        blur_mm=rng.uniform(0.35, 0.9),
        noise_hu=float(np.exp(rng.uniform(np.log(1.4), np.log(4.8)))),
        grain_mm=rng.uniform(0.3, 1.0),
        sharpened=rng.uniform(0.2, 0.8) if rng.random() < 0.25 else 0.0,
        # real cortex 1 to 2 mm under the bone: 8 to 19 HU over the depth, at 4 to 5 mm 4 to 8
        cupping_hu=rng.uniform(0, 20),
        cupping_mm=rng.uniform(5, 12),
        petrous_band_hu=rng.uniform(4, 24),
        streak_hu=rng.uniform(0, 9),
        holder=bool(rng.random() < 0.7),
        holder_gap_mm=rng.uniform(4, 16),
        padding_hu=float(rng.choice([-1024, -2000, -3024])) if padded else None,
        field_mm=half_field_mm * rng.uniform(0.96, 1.0),
        motion=bool(rng.random() < 0.04),
    )


def scan(hu_YX: Field, *, plane: Plane, scanner: Scanner, rng: np.random.Generator) -> Field:
    """The reconstructed image of hu_YX; integers in HU, as float32. plane: the middle of the
    slice.
    """
    frame, level_mm = plane.frame, plane.level_mm
    pixel = frame.pixel_mm
    hu_YX = hu_YX + _beam_hardening(plane, scanner)
    if level_mm < 55:
        strength = scanner.streak_hu * min(1.0, (55 - level_mm) / 30)
        hu_YX += _base_streaks(hu_YX, frame=frame, strength_hu=strength, rng=rng)
    if plane.head.dental_metal and -52 < level_mm < -20:
        hu_YX += _metal_star(frame, rng)
    if scanner.motion and rng.random() < 0.4:
        hu_YX = _moved(hu_YX, rng)
    hu_YX = ndimage.gaussian_filter(hu_YX, scanner.blur_mm / pixel, truncate=3.0)
    if scanner.sharpened:
        hu_YX += np.float32(scanner.sharpened) * (
            hu_YX - ndimage.gaussian_filter(hu_YX, 1.1 / pixel, truncate=2.5)
        )
    hu_YX += _noise(hu_YX.shape, scanner=scanner, pixel_mm=pixel, rng=rng)
    return _reconstructed(hu_YX, frame, scanner)


def _beam_hardening(plane: Plane, scanner: Scanner) -> Field:
    """Cupping under the inner table, the dark band between the petrous bones, the rise under the
    vertex.
    """
    head, frame, cavity = plane.head, plane.frame, plane.cavity
    rim_YX = np.clip(1 - cavity.brain_YX * np.float32(1 / scanner.cupping_mm), 0, 1)
    added_YX = np.float32(scanner.cupping_hu) * rim_YX * rim_YX
    roof_YX = np.clip((cavity.z_YX - np.float32(head.skull.top - 40)) * np.float32(1 / 35), 0, 1)
    added_YX += np.float32(head.tissue.vertex_rise * 0.6) * roof_YX
    between_YX = np.clip(1 - np.abs(frame.y_YX - 8) / 9, 0, 1) * np.clip(
        1 - np.abs(frame.x_YX) / 45, 0, 1
    )
    band_YX = between_YX * np.clip(1 - np.abs(cavity.z_YX - 32) / 14, 0, 1)
    added_YX -= np.float32(scanner.petrous_band_hu) * band_YX
    result: Field = added_YX * (cavity.brain_YX > 0)
    return result


def _base_streaks(
    hu_YX: Field, *, frame: Frame, strength_hu: float, rng: np.random.Generator
) -> Field:
    """Photon starvation through the base: an offset for every row."""
    rows = ndimage.gaussian_filter1d(
        rng.standard_normal(hu_YX.shape[0], dtype=np.float32), 1.0 / frame.pixel_mm
    )
    half_mm = 0.5 * frame.pixel_mm * max(1, int((hu_YX > -300).sum(axis=1).max()))
    across_YX = np.clip(1.2 - np.abs(frame.x_YX) / half_mm, 0, 1)
    return (strength_hu * rows[:, None] * across_YX).astype(np.float32)


def _metal_star(frame: Frame, rng: np.random.Generator) -> Field:
    star_YX = np.zeros(frame.x_YX.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(-40, 40), rng.uniform(-72, -45)
        angle_YX = np.arctan2(frame.y_YX - y, frame.x_YX - x)
        near_YX = np.sqrt((frame.x_YX - x) ** 2 + (frame.y_YX - y) ** 2) + 4
        rays_YX = np.sin(angle_YX * int(rng.integers(9, 26)) + rng.uniform(0, 6)) * np.sin(
            angle_YX * 5 + rng.uniform(0, 6)
        )
        star_YX += np.float32(rng.uniform(1500, 7000)) * rays_YX / near_YX
    return star_YX


def _moved(hu_YX: Field, rng: np.random.Generator) -> Field:
    """Motion: part of the projections saw the head in another place."""
    shift = rng.uniform(-3, 3, 2)
    ghost_YX = ndimage.shift(hu_YX, shift, order=1, mode="nearest")
    mixed: Field = hu_YX + np.float32(rng.uniform(0.15, 0.45)) * (ghost_YX - hu_YX)
    return mixed


def _noise(
    shape: tuple[int, ...], *, scanner: Scanner, pixel_mm: float, rng: np.random.Generator
) -> Field:
    """Band-pass noise, as filtered back-projection gives."""
    white_YX = rng.standard_normal(shape, dtype=np.float32)
    fine_YX = ndimage.gaussian_filter(white_YX, scanner.grain_mm / pixel_mm, truncate=3.0)
    band_YX = fine_YX - np.float32(0.6) * ndimage.gaussian_filter(
        fine_YX, 2.2 * scanner.grain_mm / pixel_mm, truncate=2.5
    )
    noise: Field = band_YX * np.float32(
        scanner.noise_hu / max(float(band_YX[::4, ::4].std()), 1e-3)
    )
    return noise


def _reconstructed(hu_YX: Field, frame: Frame, scanner: Scanner) -> Field:
    """Head holder, padding outside the circle, whole HU within the range of a 12-bit scanner."""
    size, pixel = hu_YX.shape[0], frame.pixel_mm
    axis = (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)) * np.float32(pixel)
    radius_YX = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    if scanner.holder:
        _paint_holder(hu_YX, axis, scanner)
    np.clip(np.rint(hu_YX, out=hu_YX), -1024, GREATEST_HU, out=hu_YX)
    if scanner.padding_hu is not None:
        hu_YX[radius_YX > scanner.field_mm] = scanner.padding_hu
    return hu_YX


def _paint_holder(hu_YX: Field, axis: NDArray[np.float32], scanner: Scanner) -> None:
    """A trough under the head: two thin shells with foam between."""
    occupied = np.flatnonzero((hu_YX > -300).sum(axis=1) > 8)
    if not len(occupied):
        return
    bottom = float(axis[occupied[-1]])
    radius = 130.0
    from_middle_YX = np.sqrt(
        (axis[:, None] - (bottom + scanner.holder_gap_mm - radius)) ** 2 + axis[None, :] ** 2
    )
    for offset, hu in ((0.0, -350.0), (9.0, -450.0)):
        shell_YX = cover(1.2 - np.abs(from_middle_YX - radius - offset), 1.0) * (
            axis[:, None] > bottom - 70
        )
        hu_YX += shell_YX * np.maximum(np.float32(hu) - hu_YX, 0)
