"""What a network learns from, made on the device for a whole batch: the numbers of scipy and of
`to_network_input`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typing_extensions import override

from ich_node.detection.network_input import to_network_input
from ich_node.series.series import Slice
from tests.support.training.made_views import views_of
from tests.support.training.reference_views import reference_image, reference_mask
from training.augment import Augmentation, draw_transform
from training.examples import Examples
from training.pool_examples import examples_of_pool
from training.presets import PAPER, PRODUCT, PUBLISHED, Preset
from training.raw_slices import RawBatch, RawSlices, batch_of
from training.samples import Address
from training.views import views

NEARLY = 1e-4  # of the unit of the input: 0.002 HU in the brain window
PRESETS = [PAPER, PUBLISHED, PRODUCT]


@dataclass(frozen=True, kw_only=True)
class GivenSlices(Examples):
    """Slices that a test has made."""

    slices: Sequence[Slice]
    masks: Sequence[NDArray[np.uint8] | None]

    @property
    @override
    def has_masks(self) -> bool:
        return self.masks[0] is not None

    @override
    def slice_of(self, index: int) -> Slice:
        return self.slices[index]

    @override
    def mask_of(self, index: int) -> NDArray[np.uint8] | None:
        return self.masks[index]


def examples_of(
    slices: Sequence[Slice],
    *,
    masks: Sequence[NDArray[np.uint8] | None] | None = None,
    shifts_hu: Sequence[float] | None = None,
) -> GivenSlices:
    count = len(slices)
    return GivenSlices(
        slices=slices,
        masks=masks or [None] * count,
        label_N=np.arange(count) % 2 == 1,
        series_N=np.arange(count),
        shift_N=np.array(shifts_hu or [0.0] * count),
        digest="",
    )


def slice_of(
    shape: tuple[int, int],
    *,
    seed: int = 0,
    spacing_mm: tuple[float, float] = (0.9, 0.9),
    kind: type[np.int16] | type[np.float32] = np.int16,
) -> Slice:
    """Bone of 2,000 HU beside air in almost every pixel, the hardest to interpolate; stored padding
    in a corner.
    """
    rng = np.random.default_rng(seed)
    hu_YX = rng.integers(-1000, 2000, shape).astype(kind)
    soft_YX = rng.random(shape) < 0.5
    hu_YX[soft_YX] = rng.integers(0, 80, np.count_nonzero(soft_YX))
    padding_YX = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) < shape[0] // 3
    hu_YX[padding_YX] = -2000
    return Slice(
        sop_instance_uid="",
        sop_class_uid="",
        hu_YX=hu_YX,
        padding_YX=padding_YX,
        pixel_spacing_mm=spacing_mm,
        image_position_mm=(0.0, 0.0, 0.0),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=0.0,
    )


def raw_batch(
    examples: Examples, preset: Preset, *, seed: int = 0, epoch: int = 0
) -> tuple[RawBatch, RawSlices]:
    raw = RawSlices(examples, preset, seed=seed)
    return batch_of([raw[Address(epoch, index)] for index in range(len(examples))]), raw


def assert_as_scipy(examples: GivenSlices, preset: Preset, *, epochs: int = 1) -> None:
    """Every slice of these epochs, whatever its change."""
    for epoch in range(epochs):
        batch, raw = raw_batch(examples, preset, epoch=epoch)
        image_BCYX = views(batch, preset, "cpu").image_CYX.numpy()
        for index, image_CYX in enumerate(image_BCYX):
            expected_CYX = reference_image(
                examples.slice_of(index),
                raw[Address(epoch, index)].transform,
                preset.input,
                shift_hu=float(examples.shift_N[index]),
                replicate=preset.augmentation.replicate_border,
            )
            assert np.abs(image_CYX - expected_CYX).max() <= NEARLY, (epoch, index)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_batch_of_mixed_matrices_has_the_numbers_of_scipy(preset):
    """Matrices of 512, 640, 256, and of scanners that store no square; whole numbers and slabs."""
    slices = [
        slice_of((512, 512), seed=1, spacing_mm=(0.45, 0.45)),
        slice_of((256, 256), seed=2),
        slice_of((512, 512), seed=3, spacing_mm=(0.4883, 0.4883)),
        slice_of((640, 640), seed=4, spacing_mm=(0.35, 0.35)),
        slice_of((512, 400), seed=5, spacing_mm=(0.45, 0.6)),
        slice_of((256, 256), seed=6, kind=np.float32),
        slice_of((200, 230), seed=7, spacing_mm=(1.3, 0.8)),
    ]
    shifts_hu = [3.5, -2.25, 0.0, 7.0, 1.0, 0.5, -4.0] if preset.input.brain_hu else None
    assert_as_scipy(examples_of(slices, shifts_hu=shifts_hu), preset, epochs=3)


@pytest.mark.extended
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_hundreds_of_random_slices_have_the_numbers_of_scipy(preset):
    """Matrices and pixels of any size, each with changes of its own."""
    rng = np.random.default_rng(1)
    slices = [
        slice_of(
            tuple(rng.integers(120, 700, 2).tolist()),
            seed=seed,
            spacing_mm=tuple(rng.uniform(0.25, 1.4, 2).tolist()),
        )
        for seed in range(40)
    ]
    shifts_hu = rng.uniform(-9, 9, 40).tolist() if preset.input.brain_hu else None
    assert_as_scipy(examples_of(slices, shifts_hu=shifts_hu), preset, epochs=5)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_slice_that_nothing_changes_is_what_serving_reads(preset):
    """The same windows, at the same places."""
    preset = replace(preset, augmentation=Augmentation(probability=0.0))
    slice_ = slice_of((512, 512), spacing_mm=(0.47, 0.47))
    examples = examples_of([slice_] * 8)
    batch, raw = raw_batch(examples, preset)
    serving_CYX = to_network_input(slice_, preset.input).image_CYX
    mirrored = [raw[Address(0, index)].transform.mirror for index in range(8)]
    assert 0 < sum(mirrored) < 8
    for image_CYX, is_mirrored in zip(views(batch, preset, "cpu").image_CYX, mirrored, strict=True):
        if not is_mirrored:
            assert np.abs(image_CYX.numpy() - serving_CYX).max() <= NEARLY


def test_a_pool_gives_slices_and_masks_as_scipy_does(pools):
    """A pool lies on the grid of the input: no pixel of a mask differs."""
    preset = PRODUCT.sized(64)
    examples = examples_of_pool(pools[0], preset.input)
    for epoch in range(3):
        batch, raw = raw_batch(examples, preset, epoch=epoch)
        sample = views(batch, preset, "cpu")
        assert sample.label.tolist() == examples.label_N.tolist()
        for index in range(len(examples)):
            transform = raw[Address(epoch, index)].transform
            slice_ = examples.slice_of(index)
            expected_CYX = reference_image(
                slice_,
                transform,
                preset.input,
                shift_hu=float(examples.shift_N[index]),
                replicate=False,
            )
            assert np.abs(sample.image_CYX[index].numpy() - expected_CYX).max() <= NEARLY
            mask_YX = reference_mask(examples.mask_of(index), transform, 1.0)
            assert np.array_equal(sample.mask_YX[index].numpy(), mask_YX)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
@pytest.mark.parametrize("shape", [(256, 256), (512, 512), (512, 400)])
def test_a_mask_moves_with_its_slice(preset, shape):
    """A bright square lies under its mask on the input, whatever is drawn, and whatever the matrix
    of the slice is.
    """
    preset = replace(
        preset,
        map_loss=PRODUCT.map_loss,
        augmentation=replace(preset.augmentation, sharpen=0, blur_px=0),
    )
    spacing_mm = tuple(0.9 * 256 / length for length in shape)
    plain = slice_of(shape, spacing_mm=spacing_mm)
    hu_YX, mask_YX = np.zeros(shape, np.int16), np.zeros(shape, np.uint8)
    rows, columns = (slice(2 * length // 5, 3 * length // 5) for length in shape)
    hu_YX[rows, columns], mask_YX[rows, columns] = 80, 1
    bright = replace(plain, hu_YX=hu_YX, padding_YX=np.zeros(shape, bool))
    batch, _ = raw_batch(examples_of([bright] * 12, masks=[mask_YX] * 12), preset)
    sample = views(batch, preset, "cpu")
    assert sample.mask_YX.shape == (12, 256, 256)
    for image_YX, known_YX in zip(sample.image_CYX[:, 1], sample.mask_YX, strict=True):
        middle = (image_YX.max() + image_YX.min()) / 2
        differ = ((image_YX > middle) != (known_YX > 0)).sum()
        assert known_YX.sum() > 1500
        assert differ <= 0.1 * known_YX.sum()


def test_changes_are_those_of_the_head_not_of_its_matrix():
    """The same draw on a slice of twice the pixels moves, blurs and sharpens it alike."""
    ranges = Augmentation(shift_px=8, add_hu=0, probability=1.0, blur_px=2.0, sharpen=0.5)
    preset = replace(PRODUCT, augmentation=ranges)
    y_Y, x_X = np.ogrid[:256, :256]
    small_YX = (60 * np.exp(-((y_Y - 120) ** 2 + (x_X - 140) ** 2) / 500)).astype(np.float32)
    large_YX = np.kron(small_YX, np.ones((2, 2), np.float32))
    pair = [
        replace(
            slice_of(hu_YX.shape, spacing_mm=(pixel_mm, pixel_mm)),
            hu_YX=hu_YX,
            padding_YX=np.zeros(hu_YX.shape, bool),
        )
        for hu_YX, pixel_mm in ((small_YX, 0.9), (large_YX, 0.45))
    ]
    for seed in range(6):
        transform = draw_transform(ranges, np.random.default_rng(seed))
        raw = RawSlices(examples_of(pair), preset, seed=0)
        batch = batch_of([replace(raw[Address(0, index)], transform=transform) for index in (0, 1)])
        small_CYX, large_CYX = views(batch, preset, "cpu").image_CYX
        inner = slice(60, 196)
        assert (small_CYX - large_CYX)[1, inner, inner].abs().max() < 0.15


def test_masks_are_seen_only_by_who_learns_from_them(pools):
    """A view of a preset that learns from slice labels alone carries no mask, and so does one whose
    masks are switched off.
    """
    small = PRODUCT.sized(64)
    examples = examples_of_pool(pools[0], small.input)
    for preset, shape in (
        (small, (64, 64)),
        (small.adjusted(masks=False), (1, 1)),
        (PAPER.sized(64), (1, 1)),
    ):
        batch, _ = raw_batch(examples, preset)
        assert views(batch, preset, "cpu").mask_YX.shape == (len(examples), *shape)
        assert batch.groups[0].mask_BYX.shape[1:] == shape


def test_what_else_is_in_a_batch_changes_no_bit():
    """A slice is the same alone, beside others of its matrix, and in any order."""
    examples = examples_of(
        [slice_of((300, 300), seed=1), slice_of((256, 256)), slice_of((300, 300), seed=2)]
    )
    members = [Address(0, index) for index in range(3)]
    together = views_of(examples, PUBLISHED, *members).image_CYX
    turned = views_of(examples, PUBLISHED, *members[::-1]).image_CYX.flip(0)
    alone = torch.cat([views_of(examples, PUBLISHED, each).image_CYX for each in members])
    assert torch.equal(together, turned)
    assert torch.equal(together, alone)
