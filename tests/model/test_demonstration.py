"""A demonstration model says so wherever it reads, and so does every model made from it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from ich_node.cli import main
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.ledger import JobState
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.bundle_file import open_bundle, read_header, shipped_bundle
from ich_node.model.bundle_header import SHIPPED_DEMONSTRATIONS
from ich_node.model.detector import Detector
from ich_node.model.revise import revise
from ich_node.phantom import make_study
from ich_node.series.read import read_series
from tests.support.analysing import AnalysingNode
from tests.support.heads import head_series
from tests.support.node import open_node


@pytest.fixture(scope="module")
def plain(untrained_bundle: Path) -> Bundle:
    return open_bundle(untrained_bundle)


@pytest.fixture(scope="module")
def demonstration(plain: Bundle) -> Bundle:
    """The untrained bundle as a demonstration, which is quicker than the shipped one."""
    card = replace(plain.card, name="shown", demonstration=True)
    return load_bundle(pack_bundle(card, plain.weights), origin="test")


@pytest.fixture
def path(demonstration: Bundle, tmp_path: Path) -> Path:
    file = tmp_path / "shown.safetensors"
    file.write_bytes(pack_bundle(demonstration.card, demonstration.weights))
    return file


@pytest.fixture
def config(path: Path, tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\n[bundle]\npath = "{path}"\n'
    )
    return file


def ich_node(config: Path, *arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), *map(str, arguments)])
    return int(ended.value.code or 0)


def revised(bundle: Bundle, **details: object) -> Bundle:
    provenance = replace(bundle.card.provenance, details=details)
    parent = replace(bundle, card=replace(bundle.card, provenance=provenance))
    rule = replace(parent.peak_rule, min_distance_px=9)
    data = revise(parent, rule, who="me", why="a test", at=datetime(2026, 1, 1, tzinfo=UTC))
    return load_bundle(data, origin="test")


def test_the_shipped_bundle_is_a_demonstration_by_its_card():
    assert read_header(shipped_bundle()).card["demonstration"] is True
    assert read_header(shipped_bundle()).demonstration
    assert open_bundle(shipped_bundle()).demonstration


def test_a_bundle_without_the_field_is_none(plain):
    """Bundles made before the field still load."""
    assert not plain.demonstration


def test_what_is_made_from_a_demonstration_is_one(plain, demonstration):
    """Under any name, with any rule."""
    assert revised(demonstration).card.demonstration
    assert not revised(plain).card.demonstration


def test_the_bundles_shipped_before_the_field_are_demonstrations(plain):
    """By the hash of the file, also as a parent or as the start of a training."""
    (shipped, *_) = SHIPPED_DEMONSTRATIONS
    assert replace(plain, sha256=shipped).demonstration
    assert revised(plain, revisions=[{"parent_sha256": shipped}]).card.demonstration
    assert revised(plain, start={"sha256": shipped}).card.demonstration


def test_the_reading_says_it_first(plain, demonstration):
    series = read_series(head_series(12))
    (warning,) = [
        warning
        for warning in Detector(demonstration).read(series).warnings
        if warning.kind == "demonstration_model"
    ]
    assert DEMONSTRATION_MODEL in warning.detail
    kinds = [warning.kind for warning in Detector(plain).read(series).warnings]
    assert "demonstration_model" not in kinds


def test_every_command_says_it(config, path, tmp_path, capsys):
    folder = tmp_path / "head"
    folder.mkdir()
    for index, dataset in enumerate(head_series(12)):
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
    for arguments in (
        ("check-config",),
        ("model", "list"),
        ("model", "show"),
        ("model", "activate", path),
        ("read", folder),
    ):
        assert ich_node(config, *arguments) == 0
        printed = capsys.readouterr()
        assert DEMONSTRATION_MODEL in printed.out + printed.err, arguments
    assert ich_node(config, "read", folder, "--json") == 0
    (reading,) = json.loads(capsys.readouterr().out)["readings"]
    assert reading["warnings"][0]["kind"] == "demonstration_model"


def test_a_demonstration_model_can_refuse_real_sources(path, tmp_path):
    """A phantom is read; a head of any other scanner is refused by name."""
    with open_node(tmp_path / "node", AnalysingNode, bundle=path) as node:
        node.analyser = replace(node.analyser, demonstration_on_real_sources="refuse")
        node.receive(head_series(12))
        assert node.read_next()
        assert (node.job.state, node.job.reason) == (JobState.REFUSED, "demonstration_model")
        study = make_study(3, bleeds=(), rows=128, slice_mm=10)
        node.receive(study.datasets())
        assert node.read_next()
        assert node.job.state is JobState.DONE


def test_by_default_it_reads_real_sources_and_the_log_says_what_reads(path, tmp_path):
    with (
        open_node(tmp_path / "node", AnalysingNode, bundle=path) as node,
        structlog.testing.capture_logs() as lines,
    ):
        node.receive(head_series(12))
        node.analyser.read_next(node.analyser.load_detector(node.active_bundle.current()))
        assert node.job.state is JobState.DONE
    (warning,) = [line for line in lines if line["event"] == "demonstration_model"]
    assert (warning["log_level"], warning["detail"]) == ("warning", DEMONSTRATION_MODEL)
    assert warning["name"] == "shown"


def test_a_refused_series_from_files_says_which_model(config, tmp_path, capsys):
    config.write_text(config.read_text() + 'demonstration_on_real_sources = "refuse"\n')
    folder = tmp_path / "head"
    folder.mkdir()
    for index, dataset in enumerate(head_series(12)):
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
    assert ich_node(config, "read", folder, "--json") == 0
    (reading,) = json.loads(capsys.readouterr().out)["readings"]
    assert (reading["outcome"], reading["reason"]) == ("refused", "demonstration_model")
    assert reading["answer"] == "not_analysed"
    assert [warning["kind"] for warning in reading["warnings"]] == ["demonstration_model"]


def test_the_list_of_models_names_a_newer_edition(config, path, plain, tmp_path, capsys):
    """Where the bundle of an earlier version reads, or one that was revised from it."""
    shipped = read_header(shipped_bundle())
    newer = f"ships a newer edition: {shipped.name} {shipped.sha256[:12]}"
    assert ich_node(config, "model", "list") == 0
    assert newer not in capsys.readouterr().out
    (earlier, *_) = SHIPPED_DEMONSTRATIONS
    old = revised(plain, revisions=[{"parent_sha256": earlier}])
    (file := tmp_path / "old.safetensors").write_bytes(pack_bundle(old.card, old.weights))
    assert ich_node(config, "model", "activate", file) == 0
    assert ich_node(config, "model", "list") == 0
    printed = capsys.readouterr().out
    assert newer in printed
    assert f"ich-node model activate {shipped_bundle()}" in printed
    assert ich_node(config, "model", "activate", shipped_bundle()) == 0
    assert ich_node(config, "model", "list") == 0
    assert newer not in capsys.readouterr().out.split("activated")[-1]
