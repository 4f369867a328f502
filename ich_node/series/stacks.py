"""Axial objects -> stacks of slices, each in order: one for each gantry tilt and for each
acquisition.

A series may hold a second acquisition, another reconstruction, or single slices that were repeated
because the patient moved. All of them are read: which of them shows the bleed cannot be known
before.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ich_node.dicom.geometry import slice_normal
from ich_node.errors import CopyOfAnother, NotHead, StrayPosition, Undecodable
from ich_node.series.attributes import text_of
from ich_node.series.placed import Placed, Unread, order_of

MOST_COVERAGE_MM = 300.0  # with the neck; the highest head CT seen here covers 245 mm
MOST_STRAYS = 3
SAME_DIRECTION = 0.9995  # cosine; 1.8 degrees
SAME_POSITION_MM = 0.05
# What tells acquisitions and reconstructions of one series apart, the surest first.
TELLS_APART = (
    "AcquisitionNumber",
    "SliceThickness",
    "ConvolutionKernel",
    "AcquisitionTime",
    "ContentTime",
    "ImageType",
)

Stack = list[Placed]


def to_stacks(items: Sequence[Placed]) -> tuple[list[Stack], list[Unread]]:
    """The stack with the most slices first. Left out are what lies far away from all others, and
    what says that it is a lossy or derived copy of an original.

    Raises NotHead if the slices cover more than a head.
    """
    stacks: list[Stack] = []
    left_out: list[Unread] = []
    for tilt in _tilts(items):
        near, far = _without_strays(tilt)
        originals, copies = _without_copies(near)
        left_out += [*far, *copies]
        stacks += _acquisitions(originals)
    return sorted(stacks, key=lambda stack: -len(stack)), left_out


def same_direction(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two values of ImageOrientationPatient are one, within the jitter of its digits."""
    one, other = np.asarray(a), np.asarray(b)
    return bool(one[:3] @ other[:3] > SAME_DIRECTION and one[3:] @ other[3:] > SAME_DIRECTION)


def _tilts(items: Sequence[Placed]) -> list[Stack]:
    """Positions are measured along the normal of the first slice of each: a tiny jitter of the
    normals must not reorder a stack.
    """
    tilts: list[Stack] = []
    for item in sorted(items, key=order_of):
        home = next(
            (
                tilt
                for tilt in tilts
                if same_direction(tilt[0].image_orientation, item.image_orientation)
            ),
            None,
        )
        if home is None:
            tilts.append([item])
        else:
            home.append(item)
    return [_along_one_normal(tilt) for tilt in tilts]


def _along_one_normal(tilt: Stack) -> Stack:
    normal = slice_normal(tilt[0].image_orientation)
    along = normal if normal[2] >= 0 else -normal
    in_place = [
        replace(item, position_mm=float(np.asarray(item.image_position_mm) @ along))
        for item in tilt
    ]
    return sorted(in_place, key=order_of)


def _without_strays(tilt: Stack) -> tuple[Stack, list[Unread]]:
    strays: list[Placed] = []
    while (span_mm := tilt[-1].position_mm - tilt[0].position_mm) > MOST_COVERAGE_MM:
        steps_mm = [after.position_mm - before.position_mm for before, after in pairwise(tilt)]
        cut = 1 + int(np.argmax(steps_mm))
        far, tilt = sorted((tilt[:cut], tilt[cut:]), key=len)
        strays += far
        if len(strays) > MOST_STRAYS:
            raise NotHead(
                f"the slices cover {span_mm:.0f} mm; a head has less than {MOST_COVERAGE_MM:.0f} mm"
            )
    return tilt, [
        Unread.of(
            item.dataset,
            StrayPosition(f"{item.sop_instance_uid}: it lies far away from all other slices"),
        )
        for item in strays
    ]


def _without_copies(tilt: Stack) -> tuple[Stack, list[Unread]]:
    """A copy has the place, the acquisition and the InstanceNumber of its original."""
    originals: Stack = []
    copies: list[Unread] = []
    for place in _places(tilt):
        of_originals = {_source(item): item for item in place if not item.is_copy}
        for item in place:
            original = of_originals.get(_source(item))
            if original is None or original is item or not item.is_copy:
                originals.append(item)
                continue
            reason = CopyOfAnother(
                f"{item.sop_instance_uid}: a lossy or derived copy of {original.sop_instance_uid}"
            )
            copies.append(Unread(dataset=item.dataset, refusal=reason, place=item))
    return originals, copies


def _source(item: Placed) -> tuple[str, str, int | None]:
    acquisition = _text(item, "AcquisitionNumber"), _text(item, "AcquisitionTime")
    return *acquisition, item.instance_number


def _acquisitions(tilt: Stack) -> list[Stack]:
    places = _places(tilt)
    most = max(map(len, places))
    if most == 1:
        return [tilt]
    for keyword in TELLS_APART:
        parts: dict[str, Stack] = defaultdict(list)
        for item in tilt:
            parts[_text(item, keyword)].append(item)
        if len(parts) == most and all(max(map(len, _places(part))) == 1 for part in parts.values()):
            return list(parts.values())
    layers: list[Stack] = [[] for _ in range(most)]
    for place in places:
        for layer, item in zip(layers, place, strict=False):
            layer.append(item)
    return layers


def _text(item: Placed, keyword: str) -> str:
    try:
        return text_of(item.dataset, keyword)
    except Undecodable:
        return ""


def _places(stack: Stack) -> list[Stack]:
    """The items at each position."""
    places: list[Stack] = []
    for item in stack:
        if places and item.position_mm - places[-1][0].position_mm < SAME_POSITION_MM:
            places[-1].append(item)
        else:
            places.append([item])
    return places
