"""Which images a job has, in the order in which they are scrolled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ich_node.detection.kept_reading import KeptReading, KeptSlice
from ich_node.errors import Refusal
from ich_node.ledger import Instance
from ich_node.series.attributes import number_or_none
from ich_node.series.frames import MULTI_FRAME_CLASSES
from ich_node.series.placed import placed
from ich_node.web.pictures.frames import Frames

Orientation = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """One image. path: of its object in the spool; None if that is not there any more. orientation:
    Image Orientation (Patient); kept: what its reading says about it, None where there is none.
    """

    path: str | None
    frame_number: int | None = None
    instance_number: int | None = None
    position_mm: float | None = None
    orientation: Orientation | None = None
    kept: KeptSlice | None = None


def images_of_reading(
    reading: KeptReading, instances: Sequence[Instance]
) -> tuple[ShownImage, ...]:
    """The slices that were read, from the feet to the head."""
    path_of: Mapping[str, str] = {each.sop_instance_uid: each.path for each in instances}
    return tuple(
        ShownImage(
            path=path_of.get(slice_.sop_instance_uid),
            frame_number=slice_.frame_number,
            instance_number=slice_.instance_number,
            position_mm=slice_.position_mm,
            orientation=slice_.image_orientation,
            kept=slice_,
        )
        for slice_ in reading.slices
    )


def images_without_reading(instances: Sequence[Instance], frames: Frames) -> tuple[ShownImage, ...]:
    """All objects of a series that was not read, or whose maps are gone, by orientation and
    position, as far as the ledger knows these: no file is opened, except one with several frames.
    """
    images = [
        image
        for each in instances
        for image in (
            _of_frames(each, frames)
            if each.sop_class_uid in MULTI_FRAME_CLASSES
            else [
                ShownImage(
                    path=each.path,
                    position_mm=each.position_mm,
                    orientation=_orientation(each.orientation),
                )
            ]
        )
    ]
    return tuple(sorted(images, key=_order))


def _of_frames(instance: Instance, frames: Frames) -> list[ShownImage]:
    """One that shows nothing if the object cannot be opened: its picture then says why."""
    try:
        headers = frames.frames(instance.path)
    except (Refusal, OSError):
        return [ShownImage(path=instance.path, frame_number=1)]
    images = []
    for number, header in enumerate(headers, start=1):
        try:
            place = placed(header)
        except Refusal:
            place = None
        images.append(
            ShownImage(
                path=instance.path,
                frame_number=number,
                instance_number=number_or_none(header, "InstanceNumber"),
                position_mm=place.position_mm if place else None,
                orientation=place.image_orientation if place else None,
            )
        )
    return images


def _orientation(key: str | None) -> Orientation | None:
    """From `orientation_key`."""
    return None if key is None else tuple(float(cosine) for cosine in key.split("\\"))


def _order(image: ShownImage) -> tuple[bool, Orientation, float]:
    """Images without a place come last."""
    is_placed = image.orientation is not None and image.position_mm is not None
    return not is_placed, image.orientation or (), image.position_mm or 0.0
