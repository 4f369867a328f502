"""Series of which only the label is known: one example, whose highest slice is learned from."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from ich_node.model.network import MilNetwork
from ich_node.phantom import make_study
from tests.support.training.short_runs import SIZE_PX
from tests.training.test_train_loop import SMALL, kill_at, same
from training.bags import highest_of_bags, of_examples
from training.cache import fill_cache
from training.cache_examples import examples_of_cache
from training.datasets import LabelledSeries, read_dataset
from training.loop import pooled, train
from training.losses import slice_loss
from training.pool_examples import PoolExamples, examples_of_pool
from training.presets import PRODUCT
from training.samples import MOST_OF_A_BAG, BatchSampler, Sample
from training.training_run import TrainingRun, TrainingState

LABELS_ONLY = SMALL.adjusted(masks=False, batch=4)


def with_bags(examples: PoolExamples, size: int) -> PoolExamples:
    """So many neighbours a series: a bag where one of them bleeds, else slices without bleeding."""
    series_N = np.arange(len(examples)) // size
    bleeds_S = np.bincount(series_N, weights=examples.label_N) > 0
    in_bag_N = bleeds_S[series_N]
    return replace(
        examples,
        label_N=in_bag_N,
        series_N=series_N,
        bag_N=np.cumsum(~in_bag_N | (np.diff(series_N, prepend=-1) > 0)),
        digest=f"{examples.digest} in bags of {size}",
    )


@pytest.fixture
def bagged(pools) -> tuple[PoolExamples, PoolExamples]:
    training, validation = (examples_of_pool(pool, SMALL.input) for pool in pools)
    return with_bags(training, 2), with_bags(validation, 2)


@pytest.fixture
def new_run(bagged, tmp_path):
    training, validation = bagged

    def make(name: str, **changes) -> TrainingRun:
        (tmp_path / name).mkdir(exist_ok=True)
        return TrainingRun(
            **{
                "preset": LABELS_ONLY,
                "training": training,
                "validation": validation,
                "folder": tmp_path / name,
            }
            | changes
        )

    return make


def bag_of(count: int, other: int = 3) -> PoolExamples:
    """A bag of so many slices, and other slices behind it."""
    return PoolExamples(
        label_N=np.arange(count + other) < count,
        series_N=np.arange(count + other),
        shift_N=np.zeros(count + other),
        digest="",
        bag_N=np.maximum(np.arange(count + other) - count + 1, 0),
        chunks=(),
    )


def test_a_bag_is_one_example():
    """It counts once, and comes with all of its slices."""
    examples = bag_of(5)
    assert (examples.count, examples.positive, len(examples)) == (4, 1, 8)
    (batch,) = BatchSampler(examples=examples, batch=4, seed=0, first_step=0, last_step=1)
    by_place = [[item.number for item in batch if item.place == place] for place in range(4)]
    assert sorted(by_place) == [[0, 1, 2, 3, 4], [5], [6], [7]]


def test_of_a_long_series_a_part_is_taken_that_changes():
    """From everywhere in it; the same from the same epoch."""
    sampler = BatchSampler(examples=bag_of(160), batch=4, seed=0, first_step=0, last_step=2)
    first, second = ([item.number for item in step if item.number < 160] for step in sampler)
    assert len(first) == MOST_OF_A_BAG == 40
    assert [index // 4 for index in first] == list(range(40))
    assert first != second
    assert list(sampler) == list(sampler)


def test_the_highest_slice_stands_for_its_bag(new_run):
    """Its loss is that of the maximum over the slices; slices that are an example of their own stay
    as they are.
    """
    torch.manual_seed(0)
    network = MilNetwork(LABELS_ONLY.network)
    image_BCYX = torch.randn(6, 3, SIZE_PX, SIZE_PX)
    place_B = torch.tensor([0, 1, 1, 1, 2, 2])
    samples = Sample(image_BCYX, torch.ones(6), torch.arange(6.0), place_B)
    max_pooled = partial(pooled, new_run("run", preset=LABELS_ONLY.adjusted()), TrainingState())
    for step, of_run in ((0, False), (0, True)):
        state = TrainingState(step=step)
        pool = partial(pooled, new_run("run"), state) if of_run else max_pooled
        chosen = highest_of_bags(samples, network, pool)
        network.eval()
        with torch.no_grad():
            logit_B = pool(network.head(network.features(image_BCYX)))
            of_chosen = pool(network.head(network.features(chosen.image_CYX)))
        highest = [logit_B[:1], logit_B[1:4], logit_B[4:]]
        expected = [0, 1 + int(highest[1].argmax()), 4 + int(highest[2].argmax())]
        assert chosen.mask_YX.tolist() == expected
        assert chosen.place.tolist() == [0, 1, 2]
        by_hand = slice_loss(
            torch.stack([part.max() for part in highest]), torch.ones(3), weights=None
        )
        assert slice_loss(of_chosen, torch.ones(3), None).item() == pytest.approx(by_hand.item())


def test_without_bags_nothing_is_looked_at(new_run):
    """The very same samples, and the network stays in training."""
    network = MilNetwork(LABELS_ONLY.network).train()
    samples = Sample(torch.zeros(2, 3, 8, 8), torch.ones(2), torch.zeros(2), torch.arange(2))
    assert highest_of_bags(samples, network, lambda output: output.logit_B) is samples
    assert network.training


def test_a_series_is_validated_by_its_highest_slice():
    """Beside single slices, in their order."""
    value_N = np.array([1, 7, 3, 2, 9, -4, 0, 5], np.float32)
    assert of_examples(value_N, bag_of(5)).tolist() == [9, -4, 0, 5]


def test_a_run_learns_from_series_and_goes_on_after_a_kill(new_run):
    """Its numbers are those of an uninterrupted one, also with a worker process."""
    whole = train(new_run("whole"))
    run = new_run("parts", checkpoint_steps=2, workers=1)
    with pytest.raises(KeyboardInterrupt):
        train(run, kill_at(3))
    assert same(train(new_run("parts")), whole)
    assert whole.steps == run.training.count // 4
    assert len(whole.predicted.logit_N) == run.validation.count


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> list[LabelledSeries]:
    """A head that bleeds and one that does not; no slice of either has a label."""
    folder = tmp_path_factory.mktemp("heads")
    make_study(62, rows=128, slice_mm=10, bleeds=["IPH"]).write(folder / "with")
    make_study(63, rows=128, slice_mm=10, bleeds=[]).write(folder / "without")
    return [
        replace(item, slices=tuple(replace(one, label=None) for one in item.slices))
        for item in sorted(read_dataset(folder).series, key=lambda item: not item.label)
    ]


def test_labels_of_series_make_bags_and_negative_slices(series, tmp_path):
    """Of a data set; a series of which nothing is known is skipped by slice."""
    unknown = [replace(series[1], label=None)]
    fill_cache(tmp_path, series, workers=0)
    examples, skipped = examples_of_cache(tmp_path, series, PRODUCT.input)
    assert [item.label for item in series] == [True, False]
    assert not skipped
    assert examples.label_E.tolist() == [True] + [False] * (examples.count - 1)
    assert examples.start_E[1] == np.count_nonzero(examples.series_N == 0) > 1
    none, skipped = examples_of_cache(tmp_path, unknown, PRODUCT.input)
    assert not len(none)
    assert {skip.reason for skip in skipped} == {"a slice without a label"}
