"""Pools of real heads with drawn bleeds: the tissue, and `ich-node train pool --tissue`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ich_node.detection.network_input import InputSpec, to_network_input
from tests.support.heads import head_series
from tests.support.training.dataset_trees import save
from tests.support.training.eight_bit_trees import tissue_tree
from training.datasets import Skip, load
from training.errors import DataError
from training.pool_examples import examples_of_pool
from training.pool_facts import PoolFacts, TissueFacts, facts_of_pool, read_facts, write_facts
from training.presets import PRODUCT
from training.splits import open_split, patient_hash
from training.tissue.negative_series import find_negatives, tissue_of
from training.tissue_pool import Head, any_head, make_tissue_pool

PHANTOM = PoolFacts(source="phantom", seed=1, slices=128, size_px=64, licence="Apache-2.0")
SIZE_PX = 128


def negatives(folder: Path, *patients: str, count: int = 12, **attributes) -> None:
    """A study of one series for each patient."""
    for number, patient in enumerate(patients, start=1):
        for dataset in head_series(count, **attributes):
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
                setattr(dataset, keyword, f"{dataset[keyword].value}.{number}")
            dataset.PatientID = patient
            save(dataset, folder / patient / f"{dataset.SOPInstanceUID}.dcm")


@pytest.fixture(scope="module")
def tissue_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tissue")
    tissue_tree(folder)
    return folder


@pytest.fixture(scope="module")
def split(tmp_path_factory, call, tissue_folder):
    """One patient to learn from, one to test on."""
    path = tmp_path_factory.mktemp("split") / "split.json"
    answer = call("train", "split", tissue_folder, "--out", path, "--parts", "train=0.5,test=0.5")
    assert "1 train, 1 test patients" in answer.stdout
    return path


@pytest.fixture(scope="module")
def pool(tmp_path_factory, call, tissue_folder, split):
    """Two chunks of the clean halves of one patient."""
    out = tmp_path_factory.mktemp("pool")
    answer = call(*pool_of(out, tissue_folder, split))
    assert answer.exit_code == 0, answer.output
    assert "of 1 patients, part train of its split" in answer.stdout
    return out


def pool_of(
    out: Path, folder: Path, split: Path, *, part: str = "train", seed: int = 4
) -> tuple[object, ...]:
    return (
        *("train", "pool", "--out", out, "--tissue", folder, "--split", split, "--part", part),
        *("--slices", 128, "--seed", seed, "--size", SIZE_PX, "--workers", 1),
    )


def test_a_study_becomes_what_the_network_sees(tmp_path):
    """In HU on the grid of serving, slabs of 5 mm from the feet to the head."""
    negatives(tmp_path, "A")
    found = find_negatives(tmp_path)
    (series,) = found.series
    assert (found.source, series.label, series.patient_id) == ("labels", False, "A")
    tissue = tissue_of(series)
    assert (tissue.pixel_mm, tissue.slice_mm, tissue.patient) == (0.9, 10, "A")
    assert tissue.name == series.series_instance_uid
    shown = InputSpec(channels=(None,), pixel_mm=0.9, padding="air")
    slices = load(series).slices
    assert tissue.hu_SYX.shape == (len(slices), 256, 256)
    for hu_YX, slice_ in zip(tissue.hu_SYX, slices, strict=True):
        standard_YX = to_network_input(slice_, shown).image_CYX[0]
        assert hu_YX == pytest.approx(standard_YX * 1000 + 400 - 1024, abs=0.01)


def test_thin_slices_become_slabs(tmp_path):
    """As the preset reads them: 12 slices of 10 mm stay, 48 of 2.5 mm become 24."""
    thin = []
    for index, dataset in enumerate(head_series(48)):
        dataset.ImagePositionPatient = [-100.0, -100.0, 2.5 * index]
        dataset.SliceThickness = "2.5"
        thin.append(save(dataset, tmp_path / f"{index:02d}.dcm"))
    (series,) = find_negatives(tmp_path).series
    tissue = tissue_of(series)
    assert (len(tissue.hu_SYX), tissue.slice_mm) == (24, 5)


def test_heads_of_other_directions_are_turned(tmp_path):
    """A prone head is stored upside down; the tissue is as the patient lies supine."""
    negatives(tmp_path / "a", "A")
    negatives(tmp_path / "b", "B", ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])
    supine, prone = (
        tissue_of(find_negatives(tmp_path / name).series[0]).hu_SYX for name in ("a", "b")
    )
    # turned by half a turn in the plane, the slices run the other way along the normal too
    assert np.allclose(prone, supine[:, ::-1, ::-1], atol=0.01)


def test_studies_that_cannot_be_used_are_named(tmp_path):
    """The best series of each study; the others, and files that are no images, with the reason."""
    negatives(tmp_path, "A", "B")
    for path in sorted((tmp_path / "B").iterdir())[4:]:
        path.unlink()
    (tmp_path / "note").write_text("no image")
    found = find_negatives(tmp_path)
    assert [series.patient_id for series in found.series] == ["A"]
    assert sorted(skip.reason for skip in found.skipped) == [
        "a series not to be read: too_few_slices",
        "not a DICOM file",
    ]


def test_a_series_that_serving_refuses_is_a_skip(tmp_path):
    """Its pixels are no Hounsfield units."""
    negatives(tmp_path, "A", RescaleIntercept="0")
    (series,) = find_negatives(tmp_path).series
    skip = tissue_of(series)
    assert isinstance(skip, Skip)
    assert skip.reason == "a series not to be read: no_hounsfield_units"


def test_of_a_data_set_the_negative_series_are_taken(tissue_folder):
    """Mirrored halves, each a head of one slice by the name of its image."""
    found = find_negatives(tissue_folder)
    assert [series.label for series in found.series] == [False] * 3
    tissue = tissue_of(found.series[0])
    assert (tissue.hu_SYX.shape, tissue.name) == ((1, 256, 256), "060_00.jpg")
    assert tissue.slice_mm == 5


def test_every_patient_counts_alike():
    """Whatever the number of slices; of a patient, a longer series counts more."""
    short, one, two = (
        Head(
            path=Path(name),
            patient=name[0],
            name=name,
            pixel_mm=0.9,
            slice_mm=5,
            slices=slices,
            shift_hu=0,
            digest="",
        )
        for name, slices in (("a", 1), ("b1", 10), ("b2", 30))
    )
    rng = np.random.default_rng(0)
    names = [any_head([[short], [one, two]], rng).name for _ in range(4000)]
    shares = [names.count(name) / 4000 for name in ("a", "b1", "b2")]
    assert shares == pytest.approx([0.5, 0.125, 0.375], abs=0.03)


def test_a_pool_says_what_is_in_it(pool, split):
    """Source, licence, patients by their hashes; half of the slices or so bleed; no tissue stays
    beside the chunks.
    """
    document = json.loads((pool / "pool.json").read_text())
    assert (document["source"], document["seed"], document["slices"]) == ("tissue", 4, 128)
    assert document["demonstration"] is True
    assert "10.13026/w8q8-ky94" in document["licence"]
    opened = open_split(split, parts=("train",))
    tissue = document["tissue"]
    assert tissue["patients"] == sorted(opened.patients["train"])
    assert set(tissue["patients"]) < {patient_hash("ct-ich", name) for name in ("60", "61")}
    assert (tissue["data_set"], tissue["part"]) == ("ct-ich", "train")
    assert tissue["split_sha256"] == opened.sha256
    assert tissue["heads"] == tissue["slices"] > 0
    assert sorted(path.name for path in pool.iterdir()) == [
        "chunk-00000.npy",
        "chunk-00001.npy",
        "pool.json",
    ]
    examples = examples_of_pool(pool, PRODUCT.sized(SIZE_PX).input)
    assert len(examples) == 128
    assert 0.2 < examples.label_N.mean() < 0.8
    assert facts_of_pool(pool).name == "tissue pool"


def test_an_interrupted_pool_is_completed_to_the_same(pool, call, tissue_folder, split):
    """The second chunk is drawn again, from the same tissue. What a killed run has left of the
    tissue is removed.
    """
    path = pool / "chunk-00001.npy"
    before = path.read_bytes()
    path.unlink()
    (pool / "tissue-killed").mkdir()
    assert call(*pool_of(pool, tissue_folder, split)).exit_code == 0
    assert path.read_bytes() == before
    assert not (pool / "tissue-killed").exists()


def test_a_pool_of_something_else_is_not_completed(pool, call, tissue_folder, split):
    """Another seed, or phantoms: the chunks that are there would not fit."""
    with pytest.raises(DataError, match=r"holds another pool \(of tissue, seed 4, .*seed 5"):
        call(*pool_of(pool, tissue_folder, split, seed=5))
    with pytest.raises(DataError, match=r"this one is of phantom"):
        call("train", "pool", "--out", pool, "--seed", 4, "--size", SIZE_PX)


def test_a_part_needs_its_split_and_tissue(tmp_path, call, tissue_folder, split):
    """And the test part stays closed."""
    pool = tmp_path / "pool"
    with pytest.raises(DataError, match="is for `ich-node evaluate` alone"):
        call(*pool_of(pool, tissue_folder, split, part="test"))
    with pytest.raises(DataError, match="--split and --part go together"):
        call("train", "pool", "--out", pool, "--tissue", tissue_folder, "--part", "train")
    with pytest.raises(DataError, match="phantoms are no patients"):
        call("train", "pool", "--out", pool, "--split", split, "--part", "train")
    assert not pool.exists()


def test_pools_that_share_a_patient_are_not_trained_on(tmp_path, call, pool):
    """The validation would measure what was learned by heart."""
    for name, chunk in (("training", "chunk-00000.npy"), ("validation", "chunk-00001.npy")):
        (tmp_path / name).mkdir()
        for file in (chunk, "pool.json"):
            shutil.copy(pool / file, tmp_path / name / file)
    with pytest.raises(DataError, match=r"learns from 1 patients of ct-ich .* --part validation"):
        call(
            *("train", "run", tmp_path / "training", "--validation", tmp_path / "validation"),
            *("--out", tmp_path / "run", "--size", SIZE_PX),
        )


def test_nothing_usable_is_an_error(tmp_path):
    """It says the first reason."""
    negatives(tmp_path / "dicom", "A", RescaleIntercept="0")
    series = find_negatives(tmp_path / "dicom").series
    with pytest.raises(DataError, match=r"no head without bleeding .* 1 series: .*hounsfield"):
        make_tissue_pool(tmp_path / "pool", series, 64, seed=0, workers=1)
    assert not (tmp_path / "pool" / "pool.json").exists()
    with pytest.raises(DataError, match="of 0 series"):
        make_tissue_pool(tmp_path / "pool", (), 64, seed=0, workers=1)


def test_facts_are_read_as_they_were_written(tmp_path):
    """Those of fewer slices do not shrink a pool; a pool without them holds phantoms."""
    tissue = TissueFacts(data_set="labels", digest="a", patients=("b", "c"), heads=2, slices=60)
    facts = PoolFacts(source="tissue", seed=3, slices=128, size_px=256, licence="L", tissue=tissue)
    write_facts(tmp_path, facts)
    assert read_facts(tmp_path) == facts
    write_facts(tmp_path, replace(facts, slices=64))
    assert read_facts(tmp_path) == facts
    assert read_facts(tmp_path / "none") is None
    assert facts_of_pool(tmp_path / "none").name == "phantom pool"


def test_an_earlier_versions_pool_stays_a_phantom_pool(tmp_path):
    """Chunks without pool.json: phantoms may be added, tissue may not."""
    np.save(tmp_path / "chunk-00000.npy", np.zeros(1))
    write_facts(tmp_path, PHANTOM)
    assert read_facts(tmp_path) is None
    tissue = TissueFacts(data_set="labels", digest="a", patients=("b",), heads=1, slices=1)
    with pytest.raises(DataError, match="holds a phantom pool"):
        write_facts(
            tmp_path, PoolFacts(**{**PHANTOM.__dict__, "source": "tissue", "tissue": tissue})
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "does not say what is in the pool"), ('{"format_version": 9}', "is of format 9")],
)
def test_damaged_facts_are_named(tmp_path, content, words):
    """Not guessed."""
    (tmp_path / "pool.json").write_text(content)
    with pytest.raises(DataError, match=words):
        read_facts(tmp_path)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ("train=0.5,tset=0.5", "'tset' .* is no part"),
        ("train=half", "the share of train is no number"),
        ("train=0.5,train=0.5", "names train twice"),
        ("train=0.5,test=0.4", "add up to 1"),
    ],
)
def test_parts_that_are_none_are_named(tmp_path, call, tissue_folder, parts, words):
    """With what is wrong about them."""
    with pytest.raises(DataError, match=words):
        call("train", "split", tissue_folder, "--out", tmp_path / "s.json", "--parts", parts)
