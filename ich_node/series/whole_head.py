"""Whether the slices show a whole head: from the skull base to the vertex, both ends seen in the
pixels, and no step inside that a bleed fits into.

The limits are those of `cranial_section`'s measures on real heads; the smallest and the largest
value seen there stand beside each.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ich_node.dicom.geometry import LEAST_COVERAGE_MM, LEAST_SLICES
from ich_node.series.cranial_section import CranialSection, cranial_section
from ich_node.series.series import Missing, SeriesWarning, Slice
from ich_node.series.stacks import SAME_POSITION_MM, same_direction

# The widest slice of a whole brain: 122 to 157 in adults, about 80 in a newborn.
LEAST_WIDEST_CM2 = 60.0
# Below this a slice shows no brain: at most 14 below the skull base and above the vertex.
BRAIN_CM2 = 15.0
# Of the widest slice. A cap of the brain that is lower than 12 mm has less than a third of it (the
# area of a cap of height t is 2 pi R t, R about 65 mm); the lowest 10 mm of the posterior fossa
# have less than a quarter (real stacks begin at 0 to 0.08, end at 0 to 0.07).
BASE_SHARE, VERTEX_SHARE = 0.2, 0.3
# Of the widest outline: at the vertex the head itself is small (real stacks: at most 0.28).
VERTEX_OUTLINE_SHARE = 0.5
# How fast the brain's area changes: 7 cm2 a mm at the skull base, 4 at the vertex.
MOST_CHANGE_CM2_MM, CHANGE_SLACK_CM2 = 8.0, 20.0
SHOWN_SHARE = 0.3
# Of thin slices, one every so many mm is measured.
MEASURED_MM = 4.0
# A step is a gap if it is longer than the local one by this factor; below the limit it is said as
# a warning, where the slices are regular.
GAP_FACTOR = 1.75
REGULAR_SHARE = 0.7


@dataclass(frozen=True, kw_only=True)
class UnreadPlace:
    """An object that was left out and may show brain. slice_like: its plane, None if unknown."""

    detail: str
    position_mm: float | None
    image_orientation: tuple[float, ...] | None
    instance_number: int | None


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """missing: empty if the head is whole. empty: slices that show no head at all between others
    that do: a page of text, pixels that were lost.
    """

    missing: tuple[Missing, ...]
    warnings: tuple[SeriesWarning, ...] = ()
    empty: tuple[Slice, ...] = ()


def coverage_of(
    slices: Sequence[Slice], unread: Sequence[UnreadPlace], *, largest_gap_mm: float
) -> Coverage:
    """Of the tilt that shows most of the head: slices of several acquisitions with one tilt show
    it together.
    """
    tilts: list[list[Slice]] = []
    for slice_ in slices:
        for tilt in tilts:
            if same_direction(tilt[0].image_orientation, slice_.image_orientation):
                tilt.append(slice_)
                break
        else:
            tilts.append([slice_])
    coverages = [
        _of_one_tilt(
            sorted(tilt, key=lambda slice_: slice_.position_mm),
            unread,
            largest_gap_mm=largest_gap_mm,
        )
        for tilt in tilts
    ]
    return min(coverages, key=lambda coverage: len(coverage.missing))


def named(slice_: Slice) -> str:
    """A slice as a person finds it in the archive."""
    place = f"{slice_.position_mm:.1f} mm"
    number = slice_.instance_number
    return place if number is None else f"image {number} ({place})"


def _of_one_tilt(
    slices: Sequence[Slice], unread: Sequence[UnreadPlace], *, largest_gap_mm: float
) -> Coverage:
    sections = {index: _section(slices[index]) for index in _measured(slices)}
    blank = _blank(slices, sections)
    seen = [index for index in sections if index not in blank]
    kept = [slice_ for index, slice_ in enumerate(slices) if index not in blank]
    widest = max(sections[index].brain_cm2 for index in seen)
    if widest < LEAST_WIDEST_CM2:
        return Coverage(
            missing=(
                Missing(
                    part="vertex",
                    detail=f"no slice shows the brain at its widest (at most {widest:.0f} cm2): "
                    "most of the head is not in the series",
                    from_mm=slices[-1].position_mm,
                ),
            )
        )
    bounds = _brain_bounds(slices, sections, seen)
    widest_outline = max(sections[index].outline_cm2 for index in seen)
    blanks = [
        UnreadPlace(
            detail=f"{named(slices[index])} shows no brain where its neighbours do",
            position_mm=slices[index].position_mm,
            image_orientation=slices[index].image_orientation,
            instance_number=slices[index].instance_number,
        )
        for index in sorted(blank)
    ]
    step_mm = _local_step(kept)
    return Coverage(
        missing=(
            *_ends(slices, sections, seen, widest),
            *_holes(kept, bounds, step_mm, largest_gap_mm),
            *_unread_inside([*unread, *blanks], kept, bounds, step_mm),
        ),
        warnings=tuple(_gaps(kept, bounds, step_mm, largest_gap_mm)),
        empty=tuple(
            slices[index]
            for index in sorted(blank)
            if seen[0] < index < seen[-1]
            and sections[index].outline_cm2 < SHOWN_SHARE * widest_outline
        ),
    )


def _section(slice_: Slice) -> CranialSection:
    return cranial_section(slice_.hu_YX, slice_.pixel_spacing_mm)


def _measured(slices: Sequence[Slice]) -> list[int]:
    """The first and the last slice, and between them one every MEASURED_MM at least."""
    chosen = [0]
    for index in range(1, len(slices)):
        here_mm, last_mm = slices[index].position_mm, slices[chosen[-1]].position_mm
        following_mm = slices[min(index + 1, len(slices) - 1)].position_mm
        if (
            index == len(slices) - 1
            or following_mm - last_mm > MEASURED_MM
            or (here_mm - last_mm >= MEASURED_MM)
        ):
            chosen.append(index)
    return chosen


def _blank(slices: Sequence[Slice], sections: dict[int, CranialSection]) -> set[int]:
    """Slices that show no brain where it must be. Those of an acquisition are compared among
    themselves, because the patient may have moved; a few odd ones with all others.
    """
    counts = Counter(slice_.stack for slice_ in slices)
    blank = {
        index
        for index in _without_brain(slices, sections)
        if counts[slices[index].stack] < LEAST_SLICES
    }
    for stack, count in counts.items():
        if count >= LEAST_SLICES:
            own = {
                index: section
                for index, section in sections.items()
                if slices[index].stack == stack
            }
            blank |= _without_brain(slices, own)
    return blank


def _without_brain(slices: Sequence[Slice], sections: dict[int, CranialSection]) -> set[int]:
    """Damaged pixels, a wrong rescale, a page of text. Between two slices that show the brain all
    others do; and beyond its ends it does not stop abruptly.
    """
    measured = list(sections)
    brain_cm2 = np.array([sections[index].brain_cm2 for index in measured])
    from_below, from_above = (
        np.maximum.accumulate(brain_cm2),
        np.maximum.accumulate(brain_cm2[::-1])[::-1],
    )
    around = np.minimum(from_below, from_above)
    is_blank = (around >= LEAST_WIDEST_CM2) & (brain_cm2 < SHOWN_SHARE * around)
    shown = np.flatnonzero(brain_cm2 >= max(SHOWN_SHARE * brain_cm2.max(), BRAIN_CM2))
    if shown.size:
        first, last = int(shown[0]), int(shown[-1])
        for end, beyond, rest in (
            (first, first - 1, np.s_[:first]),
            (last, last + 1, np.s_[last + 1 :]),
        ):
            if 0 <= beyond < len(measured):
                step_mm = abs(
                    slices[measured[end]].position_mm - slices[measured[beyond]].position_mm
                )
                drop_cm2 = brain_cm2[end] - brain_cm2[beyond]
                if drop_cm2 > MOST_CHANGE_CM2_MM * step_mm + CHANGE_SLACK_CM2:
                    is_blank[rest] = True
    return {index for index, blank in zip(measured, is_blank, strict=True) if blank}


def _brain_bounds(
    slices: Sequence[Slice], sections: dict[int, CranialSection], seen: Sequence[int]
) -> tuple[float, float]:
    """Positions in mm between which the brain lies: the slices just outside of it."""
    brain = [at for at, index in enumerate(seen) if sections[index].brain_cm2 >= BRAIN_CM2]
    first, last = max(brain[0] - 1, 0), min(brain[-1] + 1, len(seen) - 1)
    return slices[seen[first]].position_mm, slices[seen[last]].position_mm


def _ends(
    slices: Sequence[Slice],
    sections: dict[int, CranialSection],
    seen: Sequence[int],
    widest_cm2: float,
) -> list[Missing]:
    lowest, highest = sections[seen[0]], sections[seen[-1]]
    outline_cm2 = max(sections[index].outline_cm2 for index in seen)
    missing = []
    if lowest.brain_cm2 > BASE_SHARE * widest_cm2:
        missing.append(
            Missing(
                part="base",
                detail=f"the lowest slice, {named(slices[seen[0]])}, shows {lowest.brain_cm2:.0f} "
                "cm2 of brain: the skull base is not in the series",
                to_mm=slices[seen[0]].position_mm,
                instance_numbers=_numbers(slices[seen[0]]),
            )
        )
    if (
        highest.brain_cm2 > VERTEX_SHARE * widest_cm2
        or highest.outline_cm2 > VERTEX_OUTLINE_SHARE * outline_cm2
    ):
        missing.append(
            Missing(
                part="vertex",
                detail=f"the highest slice, {named(slices[seen[-1]])}, shows "
                f"{highest.brain_cm2:.0f} cm2 of brain: the vertex is not in the series",
                from_mm=slices[seen[-1]].position_mm,
                instance_numbers=_numbers(slices[seen[-1]]),
            )
        )
    height_mm = slices[seen[-1]].position_mm - slices[seen[0]].position_mm
    if not missing and height_mm < LEAST_COVERAGE_MM:
        missing.append(
            Missing(
                part="vertex",
                detail=f"the slices cover {height_mm:.0f} mm; "
                f"a head is at least {LEAST_COVERAGE_MM:.0f} mm high",
                from_mm=slices[seen[-1]].position_mm,
            )
        )
    return missing


def _holes(
    slices: Sequence[Slice], bounds: tuple[float, float], step_mm: float, largest_gap_mm: float
) -> list[Missing]:
    holes = []
    for below, above in pairwise(slices):
        gap_mm = above.position_mm - below.position_mm
        if gap_mm > largest_gap_mm and _inside(below.position_mm, above.position_mm, bounds):
            count = max(1, round(gap_mm / step_mm) - 1)
            holes.append(
                Missing(
                    part="hole",
                    detail=f"no slice between {named(below)} and {named(above)}: {gap_mm:.0f} mm, "
                    f"about {count} {'slice' if count == 1 else 'slices'}",
                    from_mm=below.position_mm,
                    to_mm=above.position_mm,
                    slices=count,
                    instance_numbers=(*_numbers(below), *_numbers(above)),
                )
            )
    return holes


def _unread_inside(
    unread: Sequence[UnreadPlace],
    slices: Sequence[Slice],
    bounds: tuple[float, float],
    step_mm: float,
) -> list[Missing]:
    """Objects inside the brain that were left out, where no other slice shows the same place."""
    inside = []
    positions_mm = np.array([slice_.position_mm for slice_ in slices])
    for item in unread:
        at_mm = item.position_mm
        if at_mm is not None and item.image_orientation is not None:
            if not same_direction(item.image_orientation, slices[0].image_orientation):
                continue
            near_mm = float(np.abs(positions_mm - at_mm).min())
            if near_mm <= max(step_mm / 2, SAME_POSITION_MM) or not _inside(at_mm, at_mm, bounds):
                continue
        inside.append(
            Missing(
                part="unread",
                detail=item.detail,
                from_mm=at_mm,
                to_mm=at_mm,
                slices=1,
                instance_numbers=() if item.instance_number is None else (item.instance_number,),
            )
        )
    return inside


def _gaps(
    slices: Sequence[Slice], bounds: tuple[float, float], step_mm: float, largest_gap_mm: float
) -> list[SeriesWarning]:
    """Steps that are long for this series, though no bleed that must be found fits into them."""
    if len(slices) < 2:
        return []
    steps_mm = np.array([b.position_mm - a.position_mm for a, b in pairwise(slices)])
    is_regular = np.mean(np.abs(steps_mm - step_mm) < 0.25 * step_mm) >= REGULAR_SHARE
    gaps = [
        (below, above)
        for below, above in pairwise(slices)
        if GAP_FACTOR * step_mm < above.position_mm - below.position_mm <= largest_gap_mm
        and _inside(below.position_mm, above.position_mm, bounds)
    ]
    if not gaps or not is_regular:
        return []
    places = ", ".join(f"{named(below)} and {named(above)}" for below, above in gaps[:3])
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    return [SeriesWarning(kind="gap", detail=f"a slice seems to be missing between {places}{more}")]


def _inside(below_mm: float, above_mm: float, bounds: tuple[float, float]) -> bool:
    """Whether something of the step lies between the slices that bound the brain."""
    return above_mm > bounds[0] and below_mm < bounds[1]


def _local_step(slices: Sequence[Slice]) -> float:
    if len(slices) < 2:
        return 0.0
    steps = [b.position_mm - a.position_mm for a, b in pairwise(slices)]
    return float(np.median([step for step in steps if step >= SAME_POSITION_MM] or [1.0]))


def _numbers(slice_: Slice) -> tuple[int, ...]:
    return () if slice_.instance_number is None else (slice_.instance_number,)
