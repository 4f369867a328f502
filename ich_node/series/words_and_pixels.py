"""Words only hint; the pixels decide whether it is a head, with contrast agent, and how sharp."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import BoneKernel, NotHead
from ich_node.series.body_part import BodyPart
from ich_node.series.brain_region import BrainRegion, brain_region
from ich_node.series.header_words import HeaderWords
from ich_node.series.plausibility import check_brain, sample
from ich_node.series.series import BrainMeasures, SeriesWarning, Slice
from ich_node.series.sharpness import Sharpness, judged, sharpness
from ich_node.series.shipped_rules import OTHER_BODY_PART
from ich_node.series.vessels import check_contrast, vessels

# A spine or a face with a part of the brain is lower; real heads show 87 to 140 mm of brain.
LEAST_BRAIN_MM = 60.0

WithBrain = list[tuple[Slice, BrainRegion]]


def check_words(
    words: HeaderWords, slices: Sequence[Slice]
) -> tuple[BrainMeasures, list[SeriesWarning]]:
    """slices: of all stacks, in order. Returns what the brain looks like, and the doubts with which
    the series is read.

    Raises NotHead, NoHounsfieldUnits, ContrastEnhanced, BoneKernel.
    """
    stacks = [
        with_brain
        for _, stack in groupby(slices, key=lambda slice_: slice_.stack)
        if (with_brain := _with_brain(list(stack)))
    ]
    every = [pair for stack in stacks for pair in stack]
    warnings = list(_check_body_part(words.body_part, [slice_ for slice_, _ in every]))
    if not words.kernel_named:
        for stack in stacks:
            warnings += _check_kernel(stack, is_ignored=words.kernel_ignored)
    brains = check_brain(_tissues(every))
    measured = vessels([_tissues(stack) for stack in stacks])
    texture = _sharpness(every)
    brain = BrainMeasures(
        hu=float(np.median([np.median(tissue) for tissue in brains])),
        noise_hu=texture.noise_hu if texture else None,
        widest_cm2=max(region.area_cm2 for _, region in every),
    )
    return brain, [*warnings, *check_contrast(words.contrast, measured)]


def check_lone_slice(words: HeaderWords, slice_: Slice) -> None:
    """For a slice that is examined by hand, which may show the skull base: raises NotHead if words
    and pixels agree that it is none of a head.
    """
    other = words.body_part.other
    if other and not words.body_part.head and not _with_brain([slice_]):
        raise NotHead(
            f"the header names {other}, and the slice shows no brain",
            rule=OTHER_BODY_PART,
            why=other,
        )


def _with_brain(stack: Sequence[Slice]) -> WithBrain:
    """Of some slices of a stack, evenly spread, those that show brain."""
    return [
        (stack[index], region)
        for index in sample(len(stack))
        if (region := brain_region(stack[index].hu_YX, stack[index].pixel_spacing_mm)) is not None
    ]


def _tissues(with_brain: WithBrain) -> list[NDArray[Any]]:
    return [region.values(slice_.hu_YX) for slice_, region in with_brain]


def _check_body_part(part: BodyPart, with_brain: Sequence[Slice]) -> tuple[SeriesWarning, ...]:
    """Raises NotHead."""
    other = part.other if not part.head else ""
    named = f"; the header names {other}" if other else ""
    if not with_brain:
        raise NotHead(f"no slice shows soft tissue enclosed by a skull{named}")
    if not other:
        return ()
    positions_mm = [slice_.position_mm for slice_ in with_brain]
    height_mm = max(positions_mm) - min(positions_mm)
    if height_mm < LEAST_BRAIN_MM:
        raise NotHead(
            f"the slices show {height_mm:.0f} mm of brain{named}", rule=OTHER_BODY_PART, why=other
        )
    return (
        SeriesWarning(
            kind="body_part",
            detail=f"the header names {other}, but the pixels show {height_mm:.0f} mm of brain",
        ),
    )


def _sharpness(with_brain: WithBrain) -> Sharpness | None:
    return sharpness(
        [(slice_.hu_YX, slice_.pixel_spacing_mm, region) for slice_, region in with_brain]
    )


def _check_kernel(stack: WithBrain, *, is_ignored: bool) -> tuple[SeriesWarning, ...]:
    """Where no kernel is named, or a rule ignores the name. Raises BoneKernel."""
    measured = _sharpness(stack)
    judgement = judged(measured) if measured else "soft"
    if measured is None or judgement == "soft":
        return ()
    seen = (
        f"noise of {measured.noise_hu:.0f} HU, {measured.ratio:.0%} of it within 1 mm; beside the "
        f"skull the brain is {measured.undershoot_hu:.0f} HU darker"
    )
    named = "a rule ignores the name of the kernel" if is_ignored else "no kernel is named"
    if judgement == "sharp":
        raise BoneKernel(
            f"{named}, and the pixels show a bone kernel ({seen}); "
            "send the soft-tissue reconstruction"
        )
    return (
        SeriesWarning(
            kind="sharp_kernel",
            detail=f"{named}, and the noise is that of a sharp one ({seen})",
        ),
    )
