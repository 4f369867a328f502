"""Thin slices are averaged for the network; results stay on the originals."""

from functools import lru_cache

import numpy as np
import pytest

from ich_node.detection.slabs import to_slabs
from ich_node.series.read import read_series
from tests.support.heads import head_slice


@lru_cache
def thin_series(count: int, step_mm: float):
    return read_series(
        [
            head_slice(
                index,
                count=count,
                rows=64,
                columns=64,
                ImagePositionPatient=[-100, -100, step_mm * index],
            )
            for index in range(count)
        ]
    )


@pytest.mark.parametrize(
    ("count", "step_mm", "members"),
    [(160, 0.625, 8), (90, 1.25, 4), (48, 2.5, 2), (24, 5.0, 1), (12, 10.0, 1)],
)
def test_slabs_are_at_most_five_millimetres_thick(count, step_mm, members):
    slabs = to_slabs(thin_series(count, step_mm), 5.0)
    assert {len(slab.members) for slab in slabs[:-1]} == {members}
    assert sum(len(slab.members) for slab in slabs) == count


def test_a_slab_is_the_mean_named_after_its_middle():
    series = thin_series(160, 0.625)
    slab = to_slabs(series, 5.0)[3]
    assert slab.slice.sop_instance_uid == slab.members[4].sop_instance_uid
    assert np.allclose(
        slab.slice.hu_YX, np.mean([member.hu_YX for member in slab.members], axis=0), atol=1e-3
    )


def test_without_slabs_every_slice_is_its_own():
    series = thin_series(160, 0.625)
    assert [slab.slice for slab in to_slabs(series, 0.0)] == list(series.slices)
