"""`ich-node train run` as an admin calls it: from data to a bundle that says how it was made,
tuned, evaluated and activated.
"""

import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ich_node import cli
from ich_node.errors import BundleError, ConfigError
from ich_node.model.bundle import Bundle, load_bundle
from ich_node.phantom import make_study
from tests.support.training.dataset_trees import rsna_image, rsna_rows, write_table
from tests.support.training.short_runs import SHORT
from training.datasets import read_dataset
from training.errors import DataError
from training.splits import make_split, write_split


def bundle_in(folder: Path) -> Bundle:
    path = folder / "bundle.safetensors"
    return load_bundle(path.read_bytes(), origin=str(path))


def test_a_run_leaves_a_bundle_that_says_how_it_was_made(trained):
    """The recipe, the data, the seed, the counts; a threshold and a rule to start from; curves as
    table and picture.
    """
    card = bundle_in(trained).card
    details = card.provenance.details
    assert card.name == "phantom-pool-product-max"
    assert card.licence == "Apache-2.0"
    assert card.demonstration  # phantoms alone
    assert (details["preset"]["name"], details["seed"], details["slices_seen"]) == (
        "product",
        0,
        32,
    )
    assert details["data"]["training"]["slices"] == 32
    assert details["data"]["validation"]["slices"] == 16
    assert 0 < card.operating_point.threshold < 1
    assert card.peak_rule.slice_gate == card.operating_point.threshold
    assert (trained / "curve.csv").read_text().count("\n") == 2
    assert (trained / "curve.png").read_bytes().startswith(b"\x89PNG")


def start_from(bundle: Path, *options: str, call, pools, out: Path):
    """`train run` with this bundle's weights as its start."""
    pool, validation = pools
    data = (pool, "--validation", validation, "--out", out)
    return call("train", "run", *data, "--start", bundle, *options, *SHORT)


def test_a_bundle_is_a_warm_start(call, pools, trained, tmp_path):
    """One flag; the new bundle names the old one."""
    answer = start_from(trained / "bundle.safetensors", call=call, pools=pools, out=tmp_path)
    assert answer.exit_code == 0, answer.output
    parent, child = bundle_in(trained), bundle_in(tmp_path)
    assert child.card.provenance.details["start"]["sha256"] == parent.sha256
    assert child.sha256 != parent.sha256


def test_another_network_is_no_warm_start(call, pools, trained, tmp_path):
    """The sentence says which networks they are."""
    with pytest.raises(BundleError, match="give a bundle of that preset and head"):
        start_from(
            trained / "bundle.safetensors",
            "--head",
            "attention",
            call=call,
            pools=pools,
            out=tmp_path,
        )


def test_from_phantoms_to_a_bundle_that_reads(call, trained, tmp_path, monkeypatch):
    """The documented path in short: train, tune, evaluate, activate."""
    for seed in (3, 4):
        make_study(seed, rows=128, slice_mm=10, bleeds=["EDH"]).write(
            tmp_path / "phantoms" / f"study-{seed}"
        )
    bundle, tuned = trained / "bundle.safetensors", tmp_path / "tuned.safetensors"
    maps = ("--cache", tmp_path / "maps")
    answer = call(
        "tune", tmp_path / "phantoms", "--bundle", bundle, "--out", tuned, "--evaluations", 5, *maps
    )
    assert answer.exit_code == 0, answer.output
    out = tmp_path / "evaluation"
    answer = call(
        "evaluate", tmp_path / "phantoms", "--bundle", tuned, "--out", out, "--resamples", 100
    )
    assert answer.exit_code == 0, answer.output
    assert json.loads((out / "figures.json").read_text())["bundles"][0]["series"] == 2
    monkeypatch.setenv("ICHNODE__DATABASE__URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setenv("ICHNODE__SPOOL__PATH", str(tmp_path / "spool"))
    answer = CliRunner().invoke(
        cli.app, ["model", "activate", str(tuned), "--why", "a test"], catch_exceptions=False
    )
    assert answer.exit_code == 0, answer.output
    listed = CliRunner().invoke(cli.app, ["model", "list"], catch_exceptions=False)
    assert "reading now: phantom-pool-product-max" in listed.stdout


@pytest.fixture
def rsna(tmp_path) -> tuple[Path, Path]:
    """Four heads of 12 slices, some of them bleeding in each, one file cut short; and a split into
    two and two.
    """
    folder, rows = tmp_path / "rsna", []
    for patient in range(4):
        for index in range(12):
            names = {
                "PatientID": f"ID_p{patient}",
                "StudyInstanceUID": f"ID_s{patient}",
                "SeriesInstanceUID": f"ID_i{patient}",
            }
            rows += rsna_rows(
                rsna_image(folder, patient * 12 + index, **names),
                *(["subdural"] if index in (4, 5) else []),
            )
    write_table(folder / "stage_2_train.csv", ["ID", "Label"], rows)
    (folder / "stage_2_train" / f"ID_{11:09x}.dcm").write_bytes(b"cut")
    split = make_split(
        "rsna", read_dataset(folder).patients(), fractions={"train": 0.5, "validation": 0.5}, seed=0
    )
    write_split(split, tmp_path / "split.json")
    return folder, tmp_path / "split.json"


def test_a_data_set_is_trained_on_by_its_split(call, rsna, tmp_path):
    """Slice labels alone; what was skipped is counted in the bundle and named in a file; the
    licence is the data's.
    """
    folder, split = rsna
    out = tmp_path / "run"
    cache = ("--cache", tmp_path / "cache")
    answer = call("train", "run", folder, "--split", split, "--out", out, *cache, *SHORT)
    assert answer.exit_code == 0, answer.output
    card = bundle_in(out).card
    assert card.name == "rsna-product-max"
    assert "non-commercial" in card.licence
    assert card.provenance.details["skipped"]["not a DICOM file"] == 1
    assert (
        card.provenance.details["data"]["split_sha256"] == json.loads(split.read_text())["sha256"]
    )
    assert card.provenance.details["data"]["series"] == {"train": 2, "validation": 2}
    assert f"ID_{11:09x}.dcm,not a DICOM file" in (out / "skipped.csv").read_text()


def test_a_data_set_needs_its_split(call, rsna, tmp_path):
    """Nobody trains on the patients of the test part by leaving an option out."""
    with pytest.raises(
        DataError, match=r"needs --split FILE; write one with `ich-node train split"
    ):
        call("train", "run", rsna[0], "--out", tmp_path / "run")


def test_a_pool_needs_another_for_validation(call, pools, tmp_path):
    """The phantoms that were learned from say nothing."""
    with pytest.raises(DataError, match="give --validation, a pool of another --seed"):
        call("train", "run", pools[0], "--out", tmp_path)
    with pytest.raises(DataError, match="is given twice"):
        call("train", "run", pools[0], "--validation", pools[0], "--out", tmp_path, *SHORT)


def test_pictures_need_the_extra_plots(call, pools, trained, tmp_path, monkeypatch):
    """Every command that draws says what to install before it works for hours."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as if it was not installed
    bundle = trained / "bundle.safetensors"
    for arguments in (
        ("train", "run", pools[0], "--validation", pools[1], "--out", tmp_path, *SHORT),
        ("tune", tmp_path, "--bundle", bundle, "--out", tmp_path / "tuned.safetensors"),
        ("evaluate", tmp_path, "--bundle", bundle, "--out", tmp_path),
    ):
        with pytest.raises(ConfigError, match=r"pip install 'ich-node\[plots\]'"):
            call(*arguments)


def test_a_gpu_that_is_not_there_is_said(call, pools, tmp_path):
    """Not trained on the CPU for a month without a word."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError, match="sees no GPU"):
        call(
            "train",
            "run",
            pools[0],
            "--validation",
            pools[1],
            "--out",
            tmp_path,
            "--device",
            "cuda",
        )
