"""The cache holds what serving reads, bit for bit; a killed fill goes on; what is left out is
named.
"""

import fcntl
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ich_node.detection.peaks import PeakRule
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.detector import Detector
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.model.network import MilNetwork, NetworkSpec
from ich_node.phantom import make_study
from training.cache import INDEX, PIXELS, fill_cache, open_entries
from training.cache_examples import CacheExamples, examples_of_cache
from training.datasets import LabelledSeries, load, read_dataset
from training.errors import DataError
from training.presets import PRESETS, PRODUCT, Preset
from training.samples import PlainSlices


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    """Three studies: thin slices with two bleeds and a tilt, thick ones with one, thick ones with
    none.
    """
    folder = tmp_path_factory.mktemp("phantoms")
    thin = make_study(3, rows=160, slice_mm=2.5, bleeds=["IPH", "SDH"], tilt_deg=8.0).write(
        folder / "thin"
    )
    for path in (*thin[:11], *thin[46:]):
        path.unlink()
    make_study(4, rows=160, slice_mm=10, bleeds=["EDH"]).write(folder / "thick")
    make_study(5, rows=160, slice_mm=10, bleeds=[]).write(folder / "none")
    return folder


@pytest.fixture(scope="module")
def series(phantoms) -> tuple[LabelledSeries, ...]:
    return read_dataset(phantoms).series


@pytest.fixture(scope="module")
def cache(series, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    fill_cache(folder, series, workers=0)
    return folder


def bundle_of(preset: Preset) -> Bundle:
    network = NetworkSpec(widths=(1, 1, 1))  # small: only what goes in matters here
    card = Card(
        name="test",
        network_spec=network,
        input=preset.input,
        peak_rule=PeakRule(min_distance_px=10, min_likelihood=0.0, min_prominence=0.1),
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=0.5),
        provenance=Provenance(source="a test", created="2026-01-01"),
        licence="Apache-2.0",
    )
    return load_bundle(pack_bundle(card, dict(MilNetwork(network).state_dict())), origin="test")


def served_inputs(bundle: Bundle, labelled: LabelledSeries) -> dict[str, np.ndarray]:
    """What the Detector's network was given, by SOP Instance UID."""
    engine = TorchEngine(bundle.network())
    detector = Detector(bundle, engine)
    given: list[torch.Tensor] = []
    engine.network.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].clone()))
    reading = detector.read(load(labelled))
    # the last batch is filled up with a repeated slice
    images = torch.cat(given).numpy()[: len(reading.maps)]
    return {map_.sop_instance_uid: image for map_, image in zip(reading.maps, images, strict=True)}


@pytest.mark.parametrize("name", PRESETS)
def test_training_and_serving_see_the_same_bits(name, cache, series):
    """From the same files, through the cache and through the Detector: slabs, brain shift, padding
    and windows included.
    """
    preset = PRESETS[name]
    bundle = bundle_of(preset)
    examples, skipped = examples_of_cache(cache, series, preset.input)
    samples = PlainSlices(examples, preset.input)
    trained = {
        examples.slice_of(index).sop_instance_uid: samples[index].numpy()
        for index in range(len(examples))
    }
    served = {uid: image for item in series for uid, image in served_inputs(bundle, item).items()}
    assert not skipped
    assert trained.keys() == served.keys()
    assert all(trained[uid].tobytes() == served[uid].tobytes() for uid in served)


def test_thin_slices_are_learned_from_as_slabs(cache, series):
    """A slab of 5 mm bleeds if one of its slices of 2.5 mm does; without slabs every slice is an
    example.
    """
    thin = tuple(item for item in series if len(item.slices) > 20)
    slabs, _ = examples_of_cache(cache, thin, PRODUCT.input)
    single, _ = examples_of_cache(cache, thin, PRESETS["paper"].input)
    assert len(single) == len(thin[0].slices)
    assert len(slabs) == -(-len(single) // 2)
    label_of = {item.sop_instance_uid: item.label for item in thin[0].slices}
    ordered = [label_of[single.slice_of(index).sop_instance_uid] for index in range(len(single))]
    assert slabs.label_N.tolist() == [
        any(ordered[first : first + 2]) for first in range(0, len(ordered), 2)
    ]
    assert 0 < slabs.label_N.sum() < len(slabs)


def content(examples: CacheExamples) -> list[bytes]:
    return [examples.slice_of(index).hu_YX.tobytes() for index in range(len(examples))]


def test_a_killed_fill_goes_on(cache, series, tmp_path):
    """Half a series and half a line are cut off, what is whole is kept, the rest is read."""
    fill_cache(tmp_path, series[:1], workers=0)
    with (tmp_path / PIXELS).open("ab") as pixels, (tmp_path / INDEX).open("ab") as index:
        pixels.write(b"torn" * 1001)
        index.write(b'{"version": 1, "key": "to')
    whole = (tmp_path / INDEX).read_bytes().split(b"\n")[0]
    seen: list[int] = []
    fill_cache(tmp_path, series, workers=0, progress=lambda done, _: seen.append(done))
    assert seen == [1, 2, 3]
    assert (tmp_path / INDEX).read_bytes().split(b"\n")[0] == whole
    resumed, clean = (
        examples_of_cache(folder, series, PRODUCT.input)[0] for folder in (tmp_path, cache)
    )
    assert content(resumed) == content(clean)
    assert resumed.digest == clean.digest


def test_worker_processes_fill_the_same_cache(cache, series, tmp_path):
    """In the order of the series, whichever is ready first."""
    fill_cache(tmp_path, series, workers=1)
    assert (tmp_path / PIXELS).read_bytes() == (cache / PIXELS).read_bytes()
    assert (tmp_path / INDEX).read_bytes() == (cache / INDEX).read_bytes()


def test_what_cannot_be_read_is_skipped_by_name(phantoms, tmp_path):
    """A series whose files are gone, and slices whose label nobody knows; the others are learned
    from.
    """
    folder = tmp_path / "data"
    shutil.copytree(phantoms, folder)
    found = read_dataset(folder)
    broken, unknown, whole = found.series
    for slice_ in broken.slices:
        slice_.path.unlink()
    slices = (
        tuple(replace(slice_, label=None) for slice_ in unknown.slices[:2]) + unknown.slices[2:]
    )
    labelled = (broken, replace(unknown, slices=slices), whole)
    fill_cache(tmp_path / "cache", labelled, workers=0)
    examples, skipped = examples_of_cache(tmp_path / "cache", labelled, PRESETS["paper"].input)
    assert [skip.what for skip in skipped] == [
        broken.series_instance_uid,
        *(item.sop_instance_uid for item in slices[:2]),
    ]
    assert [skip.reason for skip in skipped] == [
        "unreadable",
        "a slice without a label",
        "a slice without a label",
    ]
    assert len(examples) == len(slices) - 2 + len(whole.slices)


def test_a_repaired_series_is_read_the_next_time(phantoms, tmp_path):
    """What could not be read once is not left out for ever."""
    shutil.copytree(phantoms / "none", tmp_path / "data")
    labelled = read_dataset(tmp_path / "data").series
    path = labelled[0].slices[0].path
    path.rename(tmp_path / "gone")
    fill_cache(tmp_path / "cache", labelled, workers=0)
    assert not len(examples_of_cache(tmp_path / "cache", labelled, PRODUCT.input)[0])
    (tmp_path / "gone").rename(path)
    fill_cache(tmp_path / "cache", labelled, workers=0)
    examples, skipped = examples_of_cache(tmp_path / "cache", labelled, PRODUCT.input)
    assert len(examples) == len(labelled[0].slices)
    assert not skipped


def test_a_series_that_was_never_cached_is_an_error(cache, series, tmp_path):
    """Nothing is left out because a cache is old: the sentence says what to do."""
    with pytest.raises(DataError, match=r"is not in the cache .* fill it first"):
        examples_of_cache(tmp_path, series, PRODUCT.input)


def test_another_brain_density_wants_another_cache(cache, series):
    """The shift was made for one density and slab; a preset with another must not get it."""
    with pytest.raises(DataError, match=r"knows the shift to a brain of 31\.0 HU"):
        examples_of_cache(cache, series, replace(PRODUCT.input, brain_hu=33.0))


def test_two_writers_do_not_mix_their_slices(series, tmp_path):
    """The second is told to wait."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another run is filling the cache"):
            fill_cache(tmp_path, series, workers=0)
    fill_cache(tmp_path, series[:1], workers=0)
    assert len(open_entries(tmp_path)) == 1


def test_a_damaged_index_is_an_error(tmp_path):
    """Not an empty cache, which would be read again without a word."""
    (tmp_path / INDEX).write_bytes(b"[1, 2]\n")
    with pytest.raises(DataError, match="is damaged"):
        open_entries(tmp_path)
