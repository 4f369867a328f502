"""What the viewer of one series shows: templates/viewer.html, static/viewer.js."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ich_node.detection.kept_reading import KeptLesion, KeptReading
from ich_node.detection.network_input import Window
from ich_node.dicom.geometry import main_directions
from ich_node.ledger import Job
from ich_node.web.numbers import number_of
from ich_node.web.pictures.images import ShownImage
from ich_node.web.pictures.pictures import JobPictures, Why
from ich_node.web.pictures.windows import PRESETS
from ich_node.web.site import Site


@dataclass(frozen=True, kw_only=True)
class ViewedImage:
    """number: 1-based, from the feet. is_here: its object is still in the spool. score: None if it
    was not read. lesions: the numbers of those that are marked on it.
    """

    number: int
    is_here: bool
    instance_number: int | None
    frame_number: int | None
    position_mm: float | None
    score: float | None
    is_positive: bool
    lesions: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ViewedLesion:
    """first, last: of its images, from the feet up; peak: that with its highest mark."""

    number: int
    certainty: float
    extent_mm: float
    peak: ViewedImage
    first: ViewedImage
    last: ViewedImage


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """shown: the image with which it begins. facts: for the script. why_no_map: None if there are
    maps.
    """

    job_id: int
    images: Sequence[ViewedImage]
    shown: ViewedImage | None
    lesions: Sequence[ViewedLesion]
    reading: KeptReading | None
    why_no_map: Why | None
    is_swept: bool
    windows: Mapping[str, Window]
    facts: Mapping[str, Any]


def viewer_of(site: Site, job: Job, query: Mapping[str, str] | None = None) -> Viewer:
    """query: of the page; `slice` is the number of the image to begin with, else it is the peak of
    the most certain lesion, the most probable slice of a positive series, or the middle.
    """
    pictures = site.pictures.of(job)
    reading = pictures.reading
    images = [
        _viewed(number, image, reading) for number, image in enumerate(pictures.images, start=1)
    ]
    lesions = [_lesion(each, images) for each in reading.lesions] if reading else []
    return Viewer(
        job_id=job.id,
        images=images,
        shown=_first_shown(images, lesions, query or {}),
        lesions=lesions,
        reading=reading,
        why_no_map=pictures.why_no_map,
        is_swept=pictures.is_swept,
        windows=PRESETS,
        facts=_facts(job, pictures),
    )


def _viewed(number: int, image: ShownImage, reading: KeptReading | None) -> ViewedImage:
    kept = image.kept
    return ViewedImage(
        number=number,
        is_here=image.path is not None,
        instance_number=image.instance_number,
        frame_number=image.frame_number,
        position_mm=image.position_mm,
        score=kept.probability if kept else None,
        is_positive=bool(kept and reading and kept.probability >= reading.threshold),
        lesions=[mark.lesion for mark in kept.marks] if kept else [],
    )


def _lesion(lesion: KeptLesion, images: Sequence[ViewedImage]) -> ViewedLesion:
    return ViewedLesion(
        number=lesion.number,
        certainty=lesion.certainty,
        extent_mm=lesion.extent_mm,
        peak=images[lesion.slices[0]],
        first=images[min(lesion.slices)],
        last=images[max(lesion.slices)],
    )


def _first_shown(
    images: Sequence[ViewedImage], lesions: Sequence[ViewedLesion], query: Mapping[str, str]
) -> ViewedImage | None:
    if not images:
        return None
    asked = number_of(query.get("slice", ""))
    if asked is not None and 1 <= asked <= len(images):
        return images[asked - 1]
    if lesions:
        return lesions[0].peak
    positive = [image for image in images if image.is_positive]
    if positive:
        return max(positive, key=lambda image: image.score or 0.0)
    return images[len(images) // 2]


def _facts(job: Job, pictures: JobPictures) -> dict[str, Any]:
    """Short names: a thin series has hundreds of images. marks: lesion, then column and row of the
    peak and of the arrow's tip.
    """
    return {
        "base": f"/series/{job.id}",
        "windows": [[window.centre_hu, window.width_hu] for window in PRESETS.values()],
        "images": [
            {
                "here": image.path is not None,
                "edges": _edges(image),
                "map": image.kept is not None,
                "shape": image.kept.shape if image.kept else None,
                "mm": image.kept.pixel_spacing_mm if image.kept else None,
                "marks": [
                    [mark.lesion]
                    + [
                        round(place, 1)
                        for place in (mark.column, mark.row, mark.tip_column, mark.tip_row)
                    ]
                    for mark in (image.kept.marks if image.kept else ())
                ],
            }
            for image in pictures.images
        ],
    }


def _edges(image: ShownImage) -> Sequence[str] | None:
    """The patient's sides at the left, right, upper and lower edge."""
    if image.orientation is None:
        return None
    right, lower = main_directions(image.orientation)
    opposite = dict(zip("RLAPFH", "LRPAHF", strict=True))
    return [opposite[right], right, opposite[lower], lower]
