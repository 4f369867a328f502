"""Words only hint; the pixels decide whether it is a head, with contrast agent, and how sharp."""

from collections.abc import Sequence

from ich_node.errors import BoneKernel, NotHead
from ich_node.series.brain_region import BrainRegion, brain_region
from ich_node.series.header_words import HeaderWords
from ich_node.series.plausibility import check_brain, sample
from ich_node.series.series import SeriesWarning, Slice
from ich_node.series.sharpness import Sharpness, is_sharp, sharpness
from ich_node.series.vessels import check_contrast, vessels

# A spine or a face with a part of the brain is lower; real heads show 87 to 140 mm of brain.
LEAST_BRAIN_MM = 60.0


def check_words(words: HeaderWords, slices: Sequence[Slice]) -> tuple[SeriesWarning, ...]:
    """The doubts with which the series is read.

    Raises NotHead, NoHounsfieldUnits, ContrastEnhanced, BoneKernel.
    """
    regions = _brain_regions(slices)
    warnings = list(_body_part(words, [slice_ for slice_, _ in regions]))
    tissues = [
        slice_.hu_YX[:: region.step, :: region.step][region.mask_YX] for slice_, region in regions
    ]
    brains = check_brain(tissues)
    warnings += check_contrast(words.contrast, vessels(brains))
    measured = sharpness(
        [(slice_.hu_YX, slice_.pixel_spacing_mm, region) for slice_, region in regions]
    )
    if measured is not None:
        _check_kernel(measured, named=words.kernel_named)
    return tuple(warnings)


def _brain_regions(slices: Sequence[Slice]) -> list[tuple[Slice, BrainRegion]]:
    """Of some slices, evenly spread."""
    return [
        (slices[index], region)
        for index in sample(len(slices))
        if (region := brain_region(slices[index].hu_YX, slices[index].pixel_spacing_mm)) is not None
    ]


def _body_part(words: HeaderWords, with_brain: Sequence[Slice]) -> tuple[SeriesWarning, ...]:
    part = words.body_part
    only_other = part.other if not part.head else ""
    named = f"; the header names {only_other}" if only_other else ""
    if not with_brain:
        raise NotHead(f"no slice shows soft tissue enclosed by a skull{named}")
    if not only_other:
        return ()
    positions_mm = [slice_.position_mm for slice_ in with_brain]
    height_mm = max(positions_mm) - min(positions_mm)
    if height_mm < LEAST_BRAIN_MM:
        raise NotHead(f"the slices show {height_mm:.0f} mm of brain{named}")
    return (
        SeriesWarning(
            kind="body_part",
            detail=f"the header names {only_other}, but the pixels show "
            f"{height_mm:.0f} mm of brain",
        ),
    )


def _check_kernel(measured: Sharpness, *, named: bool) -> None:
    if not named and is_sharp(measured):
        raise BoneKernel(
            f"no kernel is named, and the texture is that of a bone kernel (noise "
            f"{measured.noise_hu:.0f} HU, {measured.ratio:.0%} of it within 1 mm); "
            "send the soft-tissue reconstruction"
        )
