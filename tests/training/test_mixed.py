"""Several sets in one run: what an epoch has of each, what is resumed, what the bundle says."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from ich_node.model.bundle import load_bundle
from ich_node.phantom import make_study
from tests.support.training.made_views import views_of
from tests.support.training.short_runs import SHORT, SIZE_PX
from tests.training.test_train_loop import SMALL, kill_at, same
from training.datasets import read_dataset
from training.errors import DataError
from training.examples import UNKNOWN, Examples
from training.loop import train
from training.mixed_examples import Part, mixed
from training.pool import as_slice, make_pool
from training.pool_examples import examples_of_pool
from training.samples import Address, BatchSampler
from training.splits import make_split, write_split
from training.training_run import TrainingRun


@dataclass(frozen=True, kw_only=True)
class Numbered(Examples):
    """Slices whose pixels are `first` + index; label-only if masks is False."""

    first: int = 0
    masks: bool = False

    @property
    @override
    def has_masks(self) -> bool:
        return self.masks

    @override
    def slice_of(self, index: int):
        return as_slice(np.full((SIZE_PX, SIZE_PX), self.first + index, np.int16))

    @override
    def mask_of(self, index: int) -> NDArray[np.uint8] | None:
        return np.ones((SIZE_PX, SIZE_PX), np.uint8) if self.masks else None


def numbered(count: int, first: int = 0, *, masks: bool = False, **changes) -> Numbered:
    return Numbered(
        **{
            "label_N": np.arange(count) % 2 == 0,
            "series_N": np.arange(count),
            "shift_N": np.full(count, float(first)),
            "digest": f"{count} from {first}",
            "first": first,
            "masks": masks,
        }
        | changes
    )


def mix_of(*weighted: tuple[Examples, float]) -> Examples:
    return mixed(
        [
            Part(name=f"set {place}", examples=examples, weight=weight)
            for place, (examples, weight) in enumerate(weighted)
        ]
    )


def drawn_in(epochs: range, examples: Examples, seed: int = 0) -> list[list[int]]:
    return [examples.epoch(seed, number).example_N.tolist() for number in epochs]


def test_an_epoch_has_of_each_set_what_its_weight_says():
    """Half as many of the second as of the first, which is there whole, whatever its size."""
    both = mix_of((numbered(10), 1.0), (numbered(40, 100), 0.5), (numbered(3, 200), 0.7))
    for epoch in drawn_in(range(3), both):
        assert sorted(index for index in epoch if index < 10) == list(range(10))
        assert sum(10 <= index < 50 for index in epoch) == 5
        assert sum(index >= 50 for index in epoch) == 7
    assert both.in_epoch == 22
    assert [int(both.slice_of(index).hu_YX[0, 0]) for index in (9, 10, 49, 50, 52)] == [
        9,
        100,
        139,
        200,
        202,
    ]


def test_every_slice_of_a_set_is_seen_as_often_as_the_others():
    """A large one is gone through over several epochs, a small one several times in one."""
    large = mix_of((numbered(10), 1.0), (numbered(20, 100), 0.5))
    seen = [index for epoch in drawn_in(range(4), large) for index in epoch if index >= 10]
    assert sorted(seen) == list(range(10, 30))
    small = mix_of((numbered(10), 1.0), (numbered(4, 100), 1.0))
    two = [index for epoch in drawn_in(range(2), small) for index in epoch if index >= 10]
    assert [two.count(index) for index in range(10, 14)] == [5, 5, 5, 5]


def test_a_slice_that_comes_twice_is_changed_in_two_ways():
    """Its pass is another, and so are its random numbers."""
    small = mix_of((numbered(10), 1.0), (numbered(4, 100), 1.0))
    epoch = small.epoch(0, 0)
    draws = {
        (int(example), int(draw))
        for example, draw in zip(epoch.example_N, epoch.pass_N, strict=True)
    }
    assert len(draws) == 20
    first, second = views_of(small, SMALL, Address(0, 12), Address(1, 12)).image_CYX
    assert not np.array_equal(first, second)


def test_an_epoch_depends_on_seed_and_number_alone():
    """A run that goes on at step 7 sees what it had not; another seed sees another order."""
    both = mix_of((numbered(10), 1.0), (numbered(40, 100), 0.5))
    sampler = BatchSampler(examples=both, batch=5, seed=1, first_step=0, last_step=9)
    assert list(replace(sampler, first_step=7)) == list(sampler)[7:]
    assert drawn_in(range(2), both) == drawn_in(range(2), both)
    assert drawn_in(range(1), both) != drawn_in(range(1), both, seed=1)


def test_one_set_alone_is_left_as_it_is():
    """So a run without --mix is what it was."""
    alone = numbered(10)
    assert mix_of((alone, 1.0)) is alone


def test_series_of_two_sets_stay_apart():
    """Their numbers begin anew in each."""
    both = mix_of((numbered(3), 1.0), (numbered(2, 100), 1.0))
    assert both.series_N.tolist() == [0, 1, 2, 3, 4]
    assert both.shift_N.tolist() == [0, 0, 0, 100, 100]


def test_a_label_alone_is_a_mask_of_zeros_or_of_nobody_knows():
    """Beside a set with masks; without one no mask is made."""
    both = mix_of((numbered(4, masks=True), 1.0), (numbered(4, 100), 1.0))
    known = [np.unique(both.known_mask(index, (2, 2))).tolist() for index in (0, 4, 5)]
    assert known == [[1], [UNKNOWN], [0]]
    unknown_BYX = views_of(both, SMALL, Address(0, 4)).mask_YX
    assert {UNKNOWN} <= set(unknown_BYX.unique().tolist()) <= {0, UNKNOWN}
    labels = mix_of((numbered(4), 1.0), (numbered(4, 100), 1.0))
    assert views_of(labels, SMALL, Address(0, 4)).mask_YX.shape == (1, 1, 1)


def test_a_weight_too_small_for_one_example_is_refused():
    """It would be a set that is named in the bundle and never seen."""
    with pytest.raises(DataError, match="less than one example for the 10 of set 0"):
        mix_of((numbered(10), 1.0), (numbered(40, 100), 0.04))


@pytest.fixture(scope="module")
def second_pool(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("second-pool")
    list(make_pool(folder, 64, seed=7, workers=1, size_px=SIZE_PX))
    chunk = np.load(folder / "chunk-00000.npy")
    np.save(folder / "chunk-00000.npy", chunk[:24])
    return folder


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> tuple[Path, Path]:
    """Four phantom studies as DICOM, with boxes, and their split."""
    folder = tmp_path_factory.mktemp("heads")
    for seed in range(4):
        make_study(seed + 60, rows=128, slice_mm=10, bleeds=["IPH"]).write(
            folder / "data" / f"study-{seed}"
        )
    split = make_split(
        "phantom",
        read_dataset(folder / "data").patients(),
        fractions={"train": 0.5, "validation": 0.5},
        seed=0,
    )
    write_split(split, folder / "split.json")
    return folder / "data", folder / "split.json"


def test_a_killed_mixed_run_gives_the_same_numbers(pools, second_pool, tmp_path):
    """As of a single pool."""
    pool, validation, second = (
        examples_of_pool(folder, SMALL.input) for folder in (*pools, second_pool)
    )
    both = mix_of((pool, 1.0), (second, 0.5))

    def run(name: str, **changes) -> TrainingRun:
        (tmp_path / name).mkdir(exist_ok=True)
        return TrainingRun(
            preset=SMALL, training=both, validation=validation, folder=tmp_path / name, **changes
        )

    whole = train(run("whole"))
    with pytest.raises(KeyboardInterrupt):
        train(run("parts", checkpoint_steps=2), kill_at(3))
    assert same(train(run("parts")), whole)
    assert whole.steps == 6
    other = mix_of((pool, 1.0), (second, 0.25))
    with pytest.raises(DataError, match="of a run with another training"):
        train(replace(run("whole"), training=other))


def test_pools_and_data_sets_mix_to_one_bundle(call, pools, second_pool, heads, tmp_path):
    """Its card says what it learned from, how much of each, and how it does on each; its curve has
    a column for each.
    """
    folder, split = heads
    arguments = (pools[0], "--validation", pools[1], "--split", split, "--out", tmp_path / "run")
    mix = ("--mix", f"{second_pool}=0.5", "--mix", f"{folder}=0.25")
    answer = call("train", "run", *arguments, *mix, "--cache", tmp_path / "cache", *SHORT)
    assert answer.exit_code == 0, answer.output
    bundle = load_bundle((tmp_path / "run" / "bundle.safetensors").read_bytes(), origin="")
    assert bundle.card.name == "phantom-pool-and-phantom-product-max"
    assert bundle.card.licence == "Apache-2.0"
    assert bundle.card.demonstration
    data = bundle.card.provenance.details["data"]
    learned = [part for part in data["parts"] if "training" in part]
    assert [(part["name"], part["weight"]) for part in learned] == [
        (pools[0].name, 1.0),
        (second_pool.name, 0.5),
        ("data", 0.25),
    ]
    assert learned[2]["patients"] == {"train": 2, "validation": 2}
    validated = {part["name"]: part["validation"] for part in data["parts"] if "validation" in part}
    assert list(validated) == ["data", pools[1].name]
    with (tmp_path / "run" / "curve.csv").open() as file:
        (row,) = csv.DictReader(file)
    for name, facts in validated.items():
        assert 0 <= facts["auc"] <= 1
        assert float(row[f"auc_of {name}"]) == facts["auc"]
    slices = [facts["slices"] for facts in validated.values()]
    assert sum(slices) == data["validation"]["slices"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--mix", "{second}"), "give DATA=WEIGHT with a weight above 0"),
        (("--mix", "{second}=0"), "give DATA=WEIGHT with a weight above 0"),
        (("--mix", "{second}=-1"), "give DATA=WEIGHT with a weight above 0"),
        (("--mix", "{second}=nan"), "give DATA=WEIGHT with a weight above 0"),
        (("--mix", "nowhere=1"), "nowhere is not a folder; give a pool or a data set"),
        (("--mix", "{second}=1", "--mix", "{second}=1"), "is given twice"),
        (("--mix", "{pool}=1"), "is given twice"),
        (("--mix", "{validation}=1"), "is given twice"),
        (("--mix", "{heads}=1"), "needs --split FILE; write one with"),
        (("--mix", "{copy}=1"), "hold the same slices"),
        (
            ("--mix", "{coarse}=1"),
            "has slices of 32 px, the preset wants 64; give --size 32, or make .* --size 64",
        ),
        (("--split", "{split}"), "is of phantom, and no data set of this run is"),
        (("--split", "{split}", "--split", "{split}"), "are both splits of phantom; give one"),
        (("--validation", "{heads}"), "goes with a pool, and .*data is none"),
        (("--boxes-as-masks", "--preset", "paper"), "learns from labels alone"),
    ],
)
def test_what_does_not_fit_is_refused(call, pools, second_pool, heads, tmp_path, options, sentence):
    """Before the first step, with what to do."""
    (tmp_path / "copy").mkdir()
    np.save(tmp_path / "copy/chunk-00000.npy", np.load(pools[0] / "chunk-00000.npy"))
    list(make_pool(tmp_path / "coarse", 0, seed=1, workers=1))
    coarse = np.zeros(
        8, dtype=[("hu", np.int16, (32, 32)), ("mask", np.uint8, (32, 32)), ("shift", np.float32)]
    )
    np.save(tmp_path / "coarse/chunk-00000.npy", coarse)
    names = {
        "pool": pools[0],
        "validation": pools[1],
        "second": second_pool,
        "heads": heads[0],
        "split": heads[1],
        "copy": tmp_path / "copy",
        "coarse": tmp_path / "coarse",
    }
    arguments = [option.format(**names) for option in options]
    with pytest.raises(DataError, match=sentence):
        call(
            *("train", "run", pools[0], "--validation", pools[1], "--out", tmp_path / "run"),
            *arguments,
            *("--cache", tmp_path / "cache", *SHORT),
        )
