"""An infinitely thin plane through a head. A slice is the mean of several."""

from dataclasses import dataclass

from ich_node.phantom.cavity import Cavity, Footprint, cavity_at, part_of
from ich_node.phantom.frame import Field, Frame, Window
from ich_node.phantom.head import Head
from ich_node.phantom.noise import Planar


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The pixels of a frame at one level of a head."""

    head: Head
    frame: Frame
    cavity: Cavity
    level_mm: float

    def part(self, window: Window) -> "Plane":
        """The same plane, these pixels alone."""
        return Plane(
            head=self.head,
            frame=self.frame.part(window),
            cavity=part_of(self.cavity, window),
            level_mm=self.level_mm,
        )

    def noise(self, field: Planar, offset_mm: float = 0.0) -> Field:
        """A random field that changes slowly with the level. Another offset gives another field."""
        return field.at(
            self.level_mm + offset_mm, self.frame.x_YX.shape, pixel_mm=self.frame.pixel_mm
        )


def plane_at(head: Head, *, frame: Frame, footprint: Footprint, level_mm: float) -> Plane:
    """The plane of a frame at a level above the foramen magnum."""
    cavity = cavity_at(head, frame=frame, footprint=footprint, level_mm=level_mm)
    return Plane(head=head, frame=frame, cavity=cavity, level_mm=level_mm)
