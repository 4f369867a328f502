"""The five hemorrhages, and collections that look like one and are none."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ich_node.phantom.brain import Spaces, tentorium_height
from ich_node.phantom.frame import Ellipsoid, Field, Frame, Place, cover
from ich_node.phantom.plane import Plane

BleedKind = Literal["IPH", "IVH", "SAH", "SDH", "EDH"]
BLEED_KINDS: tuple[BleedKind, ...] = get_args(BleedKind)
LEAST_CONTRAST_HU = 9.0  # of fresh blood over grey matter


@dataclass(frozen=True, kw_only=True)
class BrainPlane(Plane):
    """A plane through the healthy brain, with its fluid spaces."""

    spaces: Spaces


def _displacement(plane: Plane, *, centre: Place, shift_mm: float, reach_mm: float) -> Field:
    """mm to +x, away from the centre's side; it decreases with the distance."""
    frame, z_YX = plane.frame, plane.cavity.z_YX
    x, y, z = centre
    away_YX = ((frame.x_YX - x) ** 2 + (frame.y_YX - y) ** 2 + (z_YX - z) ** 2) * np.float32(
        1 / reach_mm**2
    )
    pushed: Field = np.float32(-np.sign(x) * shift_mm) * np.maximum(
        1 - np.float32(0.5) * away_YX, np.float32(0)
    )
    return pushed


@dataclass(frozen=True, kw_only=True)
class Intraparenchymal:
    """A lobed ball with a dark rim."""

    shape: Ellipsoid
    hu: float
    lobes: float  # mm by which the surface wanders
    rim_mm: float
    rim_hu: float
    shift_mm: float
    texture: float
    seed_mm: float
    kind: BleedKind | None = "IPH"

    @property
    def levels_mm(self) -> tuple[float, float]:
        return self.shape.centre[2] - self.shape.axes[2], self.shape.centre[2] + self.shape.axes[2]

    def push(self, plane: Plane) -> Field:
        """mm by which it displaces brain to +x."""
        return _displacement(plane, centre=self.shape.centre, shift_mm=self.shift_mm, reach_mm=60.0)

    def share(self, plane: BrainPlane) -> tuple[Field, Field | float]:
        """The share of each pixel that it fills, and its HU there."""
        uneven_YX = plane.noise(plane.head.texture, -self.seed_mm)
        hu_YX = np.float32(self.hu) * (1 + np.float32(self.texture) * uneven_YX)
        return cover(np.minimum(self._surface(plane), plane.cavity.brain_YX), 1.4), hu_YX

    def rim(self, plane: BrainPlane) -> Field:
        """HU by which the edema darkens the brain around it."""
        halo_YX: Field = cover(
            np.minimum(self._surface(plane) + self.rim_mm, plane.cavity.brain_YX - 1), 3.0
        )
        return halo_YX * np.float32(-self.rim_hu)

    def _surface(self, plane: BrainPlane) -> Field:
        wander_YX = plane.noise(plane.head.patches, self.seed_mm) + 0.4 * plane.noise(
            plane.head.texture, -self.seed_mm
        )
        ball_YX = self.shape.distance(plane.frame.x_YX, plane.frame.y_YX, plane.cavity.z_YX)
        return np.asarray(ball_YX + self.lobes * wander_YX, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Intraventricular:
    """Blood in the ventricles of one side or both: a cast, or a level in the dependent part."""

    hu: float
    sides: tuple[int, ...]  # -1 right, 1 left
    deeper_than_mm: float  # only where y is beyond; very negative: a cast
    low_mm: float
    high_mm: float
    kind: BleedKind | None = "IVH"

    @property
    def levels_mm(self) -> tuple[float, float]:
        return self.low_mm, self.high_mm

    def share(self, plane: BrainPlane) -> tuple[Field, Field | float]:
        """The share of each pixel that it fills, and its HU there."""
        frame, cavity = plane.frame, plane.cavity
        place_YX = np.minimum(
            frame.y_YX - self.deeper_than_mm,
            np.minimum(cavity.z_YX - self.low_mm, self.high_mm - cavity.z_YX),
        )
        if len(self.sides) == 1:
            place_YX = np.minimum(place_YX, self.sides[0] * plane.spaces.x_YX + 2)
        return cover(place_YX, 2.0) * plane.spaces.ventricles_YX, self.hu


@dataclass(frozen=True, kw_only=True)
class Subarachnoid:
    """Stains sulci and cisterns around a place."""

    centre: Place
    reach_mm: Place
    hu: float
    kind: BleedKind | None = "SAH"

    @property
    def levels_mm(self) -> tuple[float, float]:
        return self.centre[2] - 0.9 * self.reach_mm[2], self.centre[2] + 0.9 * self.reach_mm[2]

    def share(self, plane: BrainPlane) -> tuple[Field, Field | float]:
        """The share of each pixel that it fills, and its HU there."""
        frame, cavity = plane.frame, plane.cavity
        ball = Ellipsoid(centre=self.centre, axes=self.reach_mm).distance(
            frame.x_YX, frame.y_YX, cavity.z_YX
        )
        stained_YX = np.clip(ball * np.float32(2.5 / min(self.reach_mm)), 0, 1)
        return stained_YX * np.minimum(plane.spaces.sulci_YX * np.float32(1.25), 1), self.hu


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Between skull and brain around a place of the inner table: crescent (SDH) or lens (EDH)."""

    centre: Place
    thickness_mm: float
    reach_mm: float
    lens: bool
    hu: float
    old_hu: float  # of the older part; equal to hu: all of one age
    shift_mm: float
    seed_mm: float
    kind: BleedKind | None
    # of the inner membrane and the septa of an old collection; 0: it has none
    membrane_hu: float = 0.0

    @property
    def levels_mm(self) -> tuple[float, float]:
        return self.centre[2] - 0.8 * self.reach_mm, self.centre[2] + 0.8 * self.reach_mm

    def push(self, plane: Plane) -> Field:
        """mm by which it displaces brain to +x."""
        return _displacement(plane, centre=self.centre, shift_mm=self.shift_mm, reach_mm=75.0)

    def press(self, plane: Plane) -> Field:
        """mm by which it lifts the brain off the inner table."""
        pressed: Field = np.maximum(self._thickness(plane), 0) * (self._side(plane.frame) > 0)
        return pressed

    def share(self, plane: BrainPlane) -> tuple[Field, Field | float]:
        """The share of each pixel that it fills, and its HU there."""
        frame, cavity = plane.frame, plane.cavity
        wander_YX = plane.noise(plane.head.coarse, self.seed_mm)
        thickness_YX: Field = self._thickness(plane) * (
            1 + np.float32(0.0 if self.lens else 0.12) * wander_YX
        )
        tent_YX = cavity.z_YX - tentorium_height(frame.x_YX, frame.y_YX) - 2
        above_YX = np.where(frame.y_YX > 10, tent_YX, cavity.floor_YX)
        inside_YX = np.minimum(
            np.minimum(thickness_YX - cavity.dome_YX, cavity.brain_YX),
            np.minimum(self._side(frame), above_YX),
        )
        hu_YX: Field | float = self.hu
        if self.old_hu != self.hu:  # cells sink to the back
            young_YX = cover(frame.y_YX - np.float32(self.centre[1]) + 14 * wander_YX, 18.0)
            hu_YX = np.float32(self.old_hu) + np.float32(self.hu - self.old_hu) * young_YX
        if self.membrane_hu:
            hu_YX = hu_YX + (np.float32(self.membrane_hu) - hu_YX) * self._membranes(
                plane, thickness_YX - cavity.dome_YX
            )
        return cover(inside_YX, 1.3), hu_YX

    def _membranes(self, plane: BrainPlane, to_brain_YX: Field) -> Field:
        """The membrane on the brain, and septa: zero lines of a slow field."""
        sheet_YX = cover(np.float32(1.2) - to_brain_YX, 1.2)
        septa_YX = cover(
            np.float32(0.7) - 9 * np.abs(plane.noise(plane.head.coarse, self.seed_mm + 17)), 1.2
        )
        return np.maximum(sheet_YX, septa_YX)

    def _side(self, frame: Frame) -> Field:
        side: Field = np.float32(np.sign(self.centre[0])) * frame.x_YX - np.float32(1.5)
        return side

    def _thickness(self, plane: Plane) -> Field:
        frame, cavity = plane.frame, plane.cavity
        x, y, z = self.centre
        away_YX = (frame.x_YX - x) ** 2 + (frame.y_YX - y) ** 2 + (cavity.z_YX - z) ** 2
        along_YX = np.maximum(away_YX - cavity.dome_YX**2, 0) * np.float32(1 / self.reach_mm**2)
        profile_YX: Field = (
            np.sqrt(np.maximum(1 - along_YX, 0)) - np.float32(0.01)
            if self.lens
            else 1 - along_YX * along_YX
        )
        return np.float32(self.thickness_mm) * profile_YX


@dataclass(frozen=True, kw_only=True)
class Interhemispheric:
    """A subdural sheet along one side of the falx."""

    side: int
    thickness_mm: float
    middle_y: float
    reach_y: float
    low_mm: float
    hu: float
    kind: BleedKind | None = "SDH"

    @property
    def levels_mm(self) -> tuple[float, float]:
        return self.low_mm, 128.0

    def share(self, plane: BrainPlane) -> tuple[Field, Field | float]:
        """The share of each pixel that it fills, and its HU there."""
        frame, cavity = plane.frame, plane.cavity
        thickness_YX = np.float32(self.thickness_mm) * (
            1 - ((frame.y_YX - self.middle_y) / self.reach_y) ** 2
        )
        across_YX = np.float32(self.side) * frame.x_YX
        sheet_YX = np.minimum(
            np.minimum(across_YX + 0.3, thickness_YX - across_YX), cavity.z_YX - self.low_mm
        )
        tent_YX = np.where(
            frame.y_YX > 10, cavity.z_YX - tentorium_height(frame.x_YX, frame.y_YX), np.float32(9)
        )
        reach_YX = np.maximum(40 - cavity.dome_YX, cavity.z_YX - 98)
        return cover(
            np.minimum(np.minimum(sheet_YX, cavity.brain_YX), np.minimum(tent_YX, reach_YX)), 1.2
        ), self.hu


Lesion = Intraparenchymal | Intraventricular | Subarachnoid | Collection | Interhemispheric
