"""The training loop: the same seed gives the same numbers, killed or not, on one process or two."""

import csv
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ich_node.detection.network_input import InputSpec, Window
from ich_node.model.calibration import Calibration
from ich_node.model.network import MilOutput
from ich_node.scoring.calibration import calibrate, first_rule, series_threshold
from tests.support.training.short_runs import SHORT, SIZE_PX, VALIDATION
from training.errors import DataError
from training.loop import train
from training.losses import class_weights, map_loss, sharpened, slice_loss
from training.pool_examples import PoolExamples, examples_of_pool
from training.presets import (
    PAPER,
    PRODUCT,
    PUBLISHED,
    MapLoss,
    Preset,
    Sharpening,
    preset_of,
    rate_at,
)
from training.samples import BatchSampler
from training.training_run import Trained, TrainingRun

SMALL = replace(
    PRODUCT.adjusted(epochs=1.0, batch=8), network=replace(PRODUCT.network, widths=(4, 4, 4, 4, 4))
).sized(SIZE_PX)


def run_of(
    pools: tuple[Path, Path], folder: Path, preset: Preset = SMALL, **changes
) -> TrainingRun:
    training, validation = (examples_of_pool(pool, preset.input) for pool in pools)
    return TrainingRun(
        **{"preset": preset, "training": training, "validation": validation, "folder": folder}
        | changes
    )


@pytest.fixture
def new_run(pools, tmp_path):
    def make(name: str, **changes) -> TrainingRun:
        (tmp_path / name).mkdir(exist_ok=True)
        return run_of(pools, tmp_path / name, **changes)

    return make


def same(one: Trained, other: Trained) -> bool:
    """Bit for bit."""
    weights = all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())
    return (
        weights
        and one.curve == other.curve
        and np.array_equal(one.predicted.logit_N, other.predicted.logit_N)
    )


def kill_at(step: int):
    """A report that ends the run as ctrl-C would."""

    def report(done: int, *_) -> None:
        if done == step:
            raise KeyboardInterrupt

    return report


@pytest.fixture(scope="module")
def plain(pools, tmp_path_factory) -> Trained:
    """A run that nothing interrupts, in this process."""
    return train(run_of(pools, tmp_path_factory.mktemp("plain")))


def test_a_killed_run_gives_the_same_numbers(new_run, plain):
    """Killed a step behind a checkpoint, in an epoch: weights, curve and answers do not differ in a
    bit.
    """
    with pytest.raises(KeyboardInterrupt):
        train(new_run("parts", checkpoint_steps=2), kill_at(3))
    steps: list[int] = []
    assert same(train(new_run("parts"), lambda step, *_: steps.append(step)), plain)
    assert set(steps) == {3, 4}
    assert plain.steps == 4


def test_a_finished_run_is_not_trained_again(new_run):
    """Giving the command once more costs a look at the validation. The first time, one validation
    is told of while it runs, and its result.
    """
    told: list[str] = []
    first = train(new_run("run"), lambda *report: told.extend(report[2:]))
    assert [each.split(",")[0] for each in told[3:]] == [
        "epoch 1.00",
        "validating 8 of 16 slices",
        "validating 16 of 16 slices",
        "epoch 1.00",
        f"epoch 1.00: validation AUC {first.curve[0].validation_auc:.3f}",
    ]
    reports: list[str] = []
    assert same(train(new_run("run"), lambda _, __, status, *___: reports.append(status)), first)
    assert reports == ["validating 8 of 16 slices", "validating 16 of 16 slices"]


def test_worker_processes_do_not_change_the_numbers(new_run, plain):
    """Samples depend on seed, epoch and index, so a worker process draws what this one would."""
    assert same(train(new_run("worker", workers=1)), plain)


def test_another_run_does_not_go_on_from_the_checkpoint(new_run):
    """Two recipes in one folder would give a model that neither describes."""
    with pytest.raises(KeyboardInterrupt):
        train(new_run("run", checkpoint_steps=1), kill_at(2))
    with pytest.raises(DataError, match="of a run with another seed"):
        train(new_run("run", seed=1))


def test_the_best_accuracy_is_kept_where_the_preset_says_so(new_run):
    """Paper §II-E: the network of the epoch with the best validation accuracy."""
    preset = replace(
        SMALL.adjusted(epochs=3.0), keep="best accuracy", stages=((3.0, 0.05),), cosine=False
    )
    trained = train(new_run("run", preset=preset))
    best = max(point.validation_accuracy for point in trained.curve)
    label_N = new_run("run", preset=preset).validation.label_N
    assert float(((trained.predicted.logit_N > 0) == label_N).mean()) == best


def test_slices_of_one_kind_are_refused(new_run):
    """Before the first step, with the count."""
    run = new_run("run")
    one_kind = replace(run.validation, label_N=np.zeros(VALIDATION, dtype=bool))
    with pytest.raises(DataError, match="0 of 16 validation slices bleed"):
        train(replace(run, validation=one_kind))


def curve_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "curve.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.extended
def test_two_processes_train_as_one(call, pools, tmp_path):
    """torchrun on gloo: the batch is shared, the batch norm is over both; the same seed gives the
    same losses.

    To 1e-3 before the first update: torch's own batch norm on a CPU sums in float32, and is that
    far from float64. After it Adam makes full steps of gradients that are all rounding, so the two
    part a little.
    """
    training, validation = pools
    options = ("--validation", validation, *SHORT, "--epochs", 0.5, "--preset", "published")
    alone, together = tmp_path / "alone", tmp_path / "together"
    answer = call("train", "run", training, *options, "--out", alone)
    assert answer.exit_code == 0, answer.output
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "ich_node", "train", "run", training, *options, "--out", together]
    done = subprocess.run(
        [sys.executable, *torchrun, *map(str, command)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(together / "bundle.safetensors") in done.stdout
    curves = [curve_of(folder) for folder in (alone, together)]
    assert [len(curve) for curve in curves] == [2, 2]
    for number, (one, two) in enumerate(zip(*curves, strict=True)):
        assert float(two["slice_loss"]) == pytest.approx(
            float(one["slice_loss"]), rel=0.04 if number else 1e-3
        )
        assert float(two["validation_loss"]) == pytest.approx(
            float(one["validation_loss"]), rel=1e-2
        )


def test_every_slice_is_seen_once_an_epoch_on_any_number_of_processes():
    """The parts of a batch are disjoint and together the batch; a run that goes on sees what it had
    not.
    """
    twenty = PoolExamples(
        label_N=np.zeros(20, dtype=bool),
        series_N=np.arange(20),
        shift_N=np.zeros(20),
        digest="",
        chunks=(),
    )
    sampler = BatchSampler(examples=twenty, batch=4, seed=1, first_step=0, last_step=10)
    steps = list(sampler)
    assert sorted(address.number for step in steps[:5] for address in step) == list(range(20))
    halves = [list(replace(sampler, rank=rank, processes=2)) for rank in (0, 1)]
    for one, two, whole in zip(*halves, steps, strict=True):
        assert sorted(address[:2] for address in one + two) == sorted(
            address[:2] for address in whole
        )
    assert list(replace(sampler, first_step=7)) == steps[7:]


def test_the_paper_is_as_printed():
    """§II-E, number by number."""
    assert (PAPER.batch, PAPER.betas, PAPER.weight_decay, PAPER.keep) == (
        128,
        (0.9, 0.999),
        1e-6,
        "best accuracy",
    )
    assert [rate_at(PAPER, epoch) for epoch in (0, 19.9, 20, 29.9, 30, 34.9)] == [
        1e-2,
        1e-2,
        1e-3,
        1e-3,
        1e-4,
        1e-4,
    ]
    ranges = PAPER.augmentation
    assert (ranges.rotation_deg, ranges.scale, ranges.shear, ranges.multiply) == (
        30,
        0.1,
        0.05,
        0.02,
    )
    assert (ranges.blur_px, ranges.sharpen) == (0.5, 0.5)
    assert PAPER.network.architecture == "paper"
    assert PAPER.class_weights
    assert PAPER.adjusted(head="attention").network.head == "attention"


def test_the_published_code_is_as_found():
    """Not what the paper says: other rates, weight decay, network, and the last epoch."""
    assert [rate_at(PUBLISHED, epoch) for epoch in (0, 20, 25)] == [1e-3, 1e-4, 1e-5]
    assert (PUBLISHED.epochs, PUBLISHED.weight_decay, PUBLISHED.keep, PUBLISHED.checks) == (
        30,
        1e-8,
        "last",
        5,
    )
    assert PUBLISHED.network.architecture == "published"


@pytest.mark.parametrize("preset", [PAPER, PUBLISHED], ids=lambda preset: preset.name)
def test_the_papers_recipes_have_nothing_of_ours(preset):
    """The raw slice and two windows of it, the whole matrix of every single slice; labels alone."""
    assert preset.input == InputSpec(
        size_px=256,
        channels=(None, Window(centre_hu=40, width_hu=80), Window(centre_hu=50, width_hu=130)),
        pixel_mm=None,
        padding="published",
        slab_mm=0.0,
        brain_hu=None,
    )
    assert (preset.network.widths, preset.network.mirrored) == ((12, 24, 36), False)
    assert (preset.map_loss, preset.sharpening, preset.clip_gradient) == (None, None, None)
    assert not preset.cosine
    assert not preset.gate


def test_another_length_keeps_the_steps_in_proportion():
    """A tenth of the epochs has its steps after a tenth of the time."""
    short = PAPER.adjusted(epochs=3.5)
    assert short.epochs == pytest.approx(3.5)
    assert [rate_at(short, epoch) for epoch in (1.9, 2.0, 3.0)] == [1e-2, 1e-3, 1e-4]


def test_an_unknown_preset_names_those_there_are():
    """A typing mistake."""
    with pytest.raises(DataError, match="no preset papre; there are paper, published, product"):
        preset_of("papre")


def test_a_pool_of_another_matrix_is_refused(pools):
    """With the option that makes them fit."""
    with pytest.raises(DataError, match="slices of 64 px, the preset wants 256; give --size 64"):
        examples_of_pool(pools[0], PRODUCT.input)


def test_sharpened_pooling_goes_from_the_mean_to_the_maximum():
    """So that every cell learns at first, and serving's maximum is what is learned at last."""
    map_BYX = torch.tensor([[[0.0, 1.0], [2.0, 9.0]]])
    output = MilOutput(map_BYX.amax(dim=(1, 2)), map_BYX)
    spec = Sharpening(first=1e-3, last=100.0)
    assert sharpened(output, spec, 0.0).item() == pytest.approx(3.0, abs=0.05)
    assert sharpened(output, spec, 1.0).item() == pytest.approx(9.0, abs=0.05)


def test_classes_weigh_the_same_in_a_weighted_loss():
    """N/N+ and N/N-: one bleeding slice of seven counts as much as the six others."""
    label_B = torch.tensor([1.0, 0, 0, 0, 0, 0, 0])
    weights = class_weights(1, 7)
    assert weights == (7 / 6, 7.0)
    assert slice_loss(torch.zeros(7), label_B, weights).item() == pytest.approx(2 * math.log(2))


def test_a_cell_with_a_little_blood_teaches_nothing():
    """A fifth of a cell is the least that counts; less is neither."""
    mask_BYX = torch.zeros(1, 16, 16)
    mask_BYX[0, 0, :4] = 1  # 4 of the 64 pixels of the first cell
    flat = map_loss(torch.zeros(1, 2, 2), mask_BYX, MapLoss())
    assert flat.item() == pytest.approx(0.75 * math.log(2))


def test_separable_slices_have_a_finite_calibration():
    """Platt's targets keep the temperature above 0, and the order of the probabilities is that of
    the logits.
    """
    logit_N = np.linspace(-4, 4, 40).astype(np.float32)
    calibration = calibrate(logit_N, logit_N > 0)
    assert 0.05 < calibration.temperature < 5
    assert calibration.probability(3.0) > 0.9 > 0.1 > calibration.probability(-3.0)


def test_the_threshold_is_one_of_series():
    """A series is as high as its highest slice, and series that bleed do not count."""
    logit_N = np.array([0, 3, 1, 2, 9, 9], np.float32)
    label_N = np.array([0, 0, 0, 0, 0, 1], dtype=bool)
    series_N = np.array([0, 0, 1, 1, 2, 2])
    calibration = calibrate(logit_N, label_N)
    low, high = (calibration.probability(logit) for logit in (2.0, 3.0))
    assert low < series_threshold(logit_N, label_N, series_N, calibration) <= round(high, 4)


def test_single_slices_have_the_threshold_of_whole_series():
    """Drawn from an exponential tail, the threshold is what 95 % of series of 30 such slices stay
    below.
    """
    rng = np.random.default_rng(0)
    logit_N = np.concatenate([rng.exponential(1.0, 2000), rng.normal(9, 1, 50)]).astype(np.float32)
    label_N = np.arange(2050) >= 2000
    threshold = series_threshold(logit_N, label_N, np.arange(2050), Calibration())
    logit = math.log(threshold / (1 - threshold))
    assert np.mean(rng.exponential(1.0, (20_000, 30)).max(axis=1) < logit) == pytest.approx(
        0.95, abs=0.02
    )


def test_the_first_rule_has_the_unit_of_its_head():
    """Logits for the max head; attention weights, whose highest lie far below 1, for the other."""
    logit_N, label_N = np.linspace(-3, 3, 100).astype(np.float32), np.arange(100) >= 50
    highest_N = np.linspace(0.001, 0.1, 100).astype(np.float32)
    of_max = first_rule(logit_N, highest_N, label_N, head="max", gate=0.6)
    of_attention = first_rule(logit_N, highest_N, label_N, head="attention", gate=0.0)
    assert (of_max.slice_gate, of_attention.slice_gate) == (0.6, 0.0)
    assert -0.5 < of_max.min_likelihood < 0
    assert 0.04 < of_attention.min_likelihood < 0.06


def test_an_earlier_pool_is_refused(pools, tmp_path):
    """It does not know the brain's density."""
    shutil.copytree(pools[0], tmp_path / "pool")
    chunk = np.load(tmp_path / "pool" / "chunk-00000.npy")
    np.save(tmp_path / "pool" / "chunk-00000.npy", chunk[["hu", "mask"]])
    with pytest.raises(DataError, match="made by an earlier version"):
        examples_of_pool(tmp_path / "pool", PRODUCT.input)
