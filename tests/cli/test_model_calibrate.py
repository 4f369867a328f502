"""`ich-node model calibrate`: the threshold by a site's scores, shown before it is written."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pydicom
import pytest

from ich_node.files.labelled import labelled_series
from ich_node.ledger import open_ledger
from ich_node.model.bundle_file import open_bundle, read_header
from ich_node.phantom import make_study
from tests.support.command_line import Ran, ich_node
from tests.support.heads import head_series
from tests.support.scored import add_scores
from tests.support.untrained_bundle import write_untrained_bundle

CONFIG = '[database]\nurl = "sqlite:///ledger.sqlite"\n[spool]\npath = "spool"\n'
SCORES = [round(0.02 * number, 2) for number in range(1, 41)]  # 0.02 to 0.8
DAYS = 40


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Path:
    """Its config.toml; 40 series in 40 days, the upper quarter of which bleed."""
    folder = tmp_path_factory.mktemp("node")
    write_untrained_bundle(folder / "bundle.safetensors", threshold=0.5)
    (folder / "config.toml").write_text(CONFIG)
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    add_scores(
        ledger,
        SCORES,
        bundle_sha256=open_bundle(folder / "bundle.safetensors").sha256,
        threshold=0.5,
        first=datetime.now(UTC) - timedelta(days=DAYS),
        step=timedelta(days=1),
        labels={number: number > 30 for number in range(1, 41)},
    )
    ledger.dispose()
    return folder / "config.toml"


def calibrate(node: Path, out: Path, *options: object) -> Ran:
    bundle = node.parent / "bundle.safetensors"
    return ich_node(
        "model", "calibrate", "--bundle", bundle, "--out", out, "--yes", *options, config=node
    )


@pytest.mark.parametrize(
    ("options", "threshold"),
    [
        # 1 of 30 healthy series may be positive: job 30 with 0.60
        (("--specificity", 0.96), 0.59),
        (("--sensitivity", 1.0), 0.62),
        # 20 of 40 days: jobs 21 to 40
        (("--alerts-per-day", 0.5), 0.41),
    ],
)
def test_the_threshold_by_jobs(node, tmp_path, options, threshold):
    """The goal is in the new bundle with what it rests on."""
    out = tmp_path / "new.safetensors"
    ran = calibrate(node, out, "--jobs", *options, "--why", "fewer calls at night")
    assert ran.exit_code == 0, ran.stderr
    revised = open_bundle(out)
    assert revised.operating_point.threshold == pytest.approx(threshold, abs=0.001)
    (revision,) = revised.card.provenance.details["revisions"]
    assert revision["why"].endswith(": fewer calls at night")
    assert (revision["evidence"]["healthy"], revision["evidence"]["bleeding"]) == (30, 10)
    assert read_header(out).reference_scores == tuple(SCORES)
    assert "10 of them bleed, 30 do not, 0 are not known" in ran.stdout
    assert max(map(len, ran.stdout.splitlines()[:-1])) <= 80


def test_what_would_change_is_said_before(node, tmp_path, monkeypatch):
    """The jobs of the last 30 days whose answers would be other ones; without a yes nothing is
    written.
    """
    bundle, out = node.parent / "bundle.safetensors", tmp_path / "new.safetensors"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    options = ("--bundle", bundle, "--out", out, "--jobs", "--specificity", 0.96)
    ran = ich_node("model", "calibrate", *options, config=node)
    # from 0.5 to 0.59: jobs 25 to 29
    assert "5 would be negative instead: job 25, 26, 27, 28, 29" in ran.stdout
    assert ran.exit_code == 1
    assert not out.exists()


def test_without_labels_the_sensitivity_is_unknown(node, tmp_path):
    """It cannot be asked for; the specificity is that of all series, and this is said."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    add_scores(
        ledger,
        SCORES,
        bundle_sha256=open_bundle(node.parent / "bundle.safetensors").sha256,
        threshold=0.5,
        first=datetime.now(UTC) - timedelta(days=DAYS),
        step=timedelta(days=1),
    )
    ledger.dispose()
    other = tmp_path / "config.toml"
    other.write_text(CONFIG)
    options = ("--bundle", node.parent / "bundle.safetensors", "--out", tmp_path / "new", "--yes")
    jobs = ("model", "calibrate", *options, "--jobs")
    refused = ich_node(*jobs, "--sensitivity", 0.9, config=other)
    assert (refused.exit_code, "verdicts import" in refused.stderr) == (2, True)
    ran = ich_node(*jobs, "--specificity", 0.9, config=other)
    assert "so the true one is higher" in ran.stdout
    assert "unknown" in ran.stdout
    # 4 of 40 series above it
    assert open_bundle(tmp_path / "new").operating_point.threshold == pytest.approx(0.73, abs=0.001)


def test_labelled_folders(node, tmp_path):
    """Series in the folders `bleeding` and `healthy` are read by the bundle; what the node does not
    read is counted.
    """
    paths = make_study(1).write(tmp_path / "set" / "bleeding")
    (tmp_path / "set" / "healthy").mkdir()
    lone = pydicom.dcmread(paths[0])
    lone.SeriesInstanceUID += ".1"
    lone.save_as(tmp_path / "set" / "healthy" / "lone.dcm")
    out = tmp_path / "new.safetensors"
    ran = calibrate(node, out, tmp_path / "set", "--sensitivity", 1)
    assert ran.exit_code == 0, ran.stderr
    assert "1 series of" in ran.stdout
    assert "1 more is not read by the node" in ran.stdout
    assert "1 of them bleed, 0 do not, 0 are not known" in ran.stdout
    assert out.exists()


def test_labels_of_an_export(tmp_path):
    """The rows of series count, those of slices do not; where readers disagree nothing is known."""
    uids = []
    for number, lone in enumerate(head_series(3)):
        lone.SeriesInstanceUID = f"2.25.{number + 1}"
        lone.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        uids.append(str(lone.SeriesInstanceUID))
    (tmp_path / "labels.csv").write_text(
        "path,series_uid,slice,bleeding,type,who\n"
        f"a,{uids[0]},,yes,subdural,reader-1\na/1,{uids[0]},1.2,no,,reader-1\n"
        f"b,{uids[1]},,no,,reader-1\nb,{uids[1]},,yes,,reader-2\nc,{uids[2]},,no,,reader-1\n"
    )
    found = {each.files.series_instance_uid: each.bleeding for each in labelled_series(tmp_path)}
    assert found == {uids[0]: True, uids[1]: None, uids[2]: False}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--jobs",), "give one of --specificity"),
        (("--jobs", "--specificity", 0.9, "--sensitivity", 0.9), "give one of --specificity"),
        (("--specificity", 0.9), "give a folder of labelled series, or --jobs"),
        (("--jobs", "--specificity", 0.9, "--since", "never"), "--since"),
        (("--jobs", "--alerts-per-day", 0), "no series would ever be positive"),
        (("--jobs", "--alerts-per-day", 500), "more than all series"),
        ((".", "--alerts-per-day", 3), "--alerts-per-day needs --jobs"),
    ],
)
def test_what_is_wrong_is_said(node, tmp_path, options, words):
    ran = calibrate(node, tmp_path / "new", *options)
    assert ran.exit_code == 2
    assert words in ran.stderr
    assert not (tmp_path / "new").exists()
