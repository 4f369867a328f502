"""Thin slices averaged to slabs, so that noise and partial volume are those of the slices on which
the network was trained.

Reconstructions of 0.6 to 1 mm carry about three times the noise of the usual 5 mm slice.
"""

from dataclasses import dataclass, replace

import numpy as np

from ich_node.series.series import Series, Slice


@dataclass(frozen=True, kw_only=True)
class Slab:
    """A Slice to be read, and the original slices of which it is the mean. It has the UIDs and the
    position of the middle one.
    """

    slice: Slice
    members: tuple[Slice, ...]


def to_slabs(series: Series, slab_mm: float) -> list[Slab]:
    """The groups of slices, each averaged."""
    return [
        Slab(slice=_mean(group), members=tuple(group)) for group in slab_groups(series, slab_mm)
    ]


def slab_groups(series: Series, slab_mm: float) -> list[list[Slice]]:
    """Neighbouring slices of one matrix size, at most slab_mm thick together. slab_mm 0: every
    slice by itself.
    """
    groups: list[list[Slice]] = []
    for slice_ in series.slices:
        group = groups[-1] if groups else None
        if group and _joins(group, slice_, slab_mm):
            group.append(slice_)
        else:
            groups.append([slice_])
    return groups


def _joins(group: list[Slice], slice_: Slice, slab_mm: float) -> bool:
    """Whether the slab with this slice is at most slab_mm thick, from the outer edge of its first
    to that of its last slice. The step between slices counts as their thickness.
    """
    step_mm = slice_.position_mm - group[-1].position_mm
    return (
        slice_.stack == group[0].stack
        and slice_.hu_YX.shape == group[0].hu_YX.shape
        and slice_.position_mm - group[0].position_mm + step_mm <= slab_mm + 1e-3
    )


def _mean(group: list[Slice]) -> Slice:
    middle = group[len(group) // 2]
    if len(group) == 1:
        return middle
    padding_YX = np.all([slice_.padding_YX for slice_ in group], axis=0)
    total_YX = np.zeros(middle.hu_YX.shape, dtype=np.float32)
    for slice_ in group:
        total_YX += slice_.hu_YX
    return replace(middle, hu_YX=total_YX / np.float32(len(group)), padding_YX=padding_YX)
