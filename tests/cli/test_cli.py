"""The command line as an admin meets it: what it prints, where, and its exit code (0 done, 1 could
not, 2 wrong command).
"""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ich_node import __version__
from ich_node.answer import Answer
from ich_node.ledger import Instance, open_ledger
from ich_node.phantom import make_study
from tests.support.command_line import ich_node
from tests.support.heads import head_series
from tests.support.node import opened_ledger
from tests.support.peers import pacs

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`ich-node` as a process of its own."""
    command = [sys.executable, "-m", "ich_node", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def save(datasets: list[Dataset], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for index, dataset in enumerate(datasets):
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def phantom(tmp_path_factory) -> Path:
    """`ich-node phantom`: a head with a dense clot."""
    folder = tmp_path_factory.mktemp("phantom") / "study"
    done = ich_node("phantom", "--out", folder, "--seed", 21, "--bleed", "iph")
    assert done.exit_code == 0, done.stderr
    assert "IPH in" in done.stdout
    return folder


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\n'
        '[[destinations]]\nname = "pacs"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = 1\n'
    )
    return path


# --- read and explain


def test_read_prints_one_json_document_and_nothing_else(phantom, tmp_path):
    """The document that scripts rely on, key by key; --maps saves what the network said before
    upsampling.
    """
    done = ich_node(
        "read", phantom, "--json", "--out", tmp_path / "out", "--maps", tmp_path / "maps.npz"
    )
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document) == ["readings"]
    (reading,) = document["readings"]
    assert list(reading) == [
        "study_instance_uid", "series_instance_uid", "outcome", "reason", "detail", "bundle",
        "series_probability", "positive", "slices", "left_out", "answer", "missing", "warnings",
    ]  # fmt: skip
    assert (reading["outcome"], reading["reason"], reading["positive"]) == ("read", None, True)
    assert reading["answer"] == "present"
    assert set(reading["bundle"]) == {"name", "sha256"}
    assert set(reading["slices"][0]) == {
        "sop_instance_uid",
        "position_mm",
        "probability",
        "findings",
    }
    findings = [finding for slice_ in reading["slices"] for finding in slice_["findings"]]
    assert set(findings[0]) == {"row", "column", "likelihood"}
    positions = [slice_["position_mm"] for slice_ in reading["slices"]]
    assert positions == sorted(positions)
    maps = np.load(tmp_path / "maps.npz")
    assert sorted(maps) == ["frame_number", "likelihood", "logit", "sop_instance_uid"]
    assert (
        len(maps["logit"])
        == len(maps["sop_instance_uid"])
        == len(maps["likelihood"])
        == len(positions)
    )
    assert maps["likelihood"].ndim == 3
    folder = tmp_path / "out" / reading["series_instance_uid"]
    assert json.loads((folder / "reading.json").read_text()) == reading
    assert pydicom.dcmread(folder / "sr.dcm").Modality == "SR"
    assert (folder / "preview.png").exists()


def test_read_without_json_says_it_in_a_sentence_with_the_research_label(
    tmp_path, untrained_bundle
):
    folder = save(head_series(), tmp_path / "head")
    done = ich_node("read", folder, "--no-dicom", "--bundle", untrained_bundle)
    assert "POSITIVE" in done.stdout
    assert "Research use only. Not a medical device." in done.stdout


def test_uids_that_are_none_are_referred_to_as_they_came(tmp_path, untrained_bundle):
    """RSNA's files have such UIDs, and their archive finds the results by them."""
    folder = save(head_series(SeriesInstanceUID="ID_a57913c212"), tmp_path / "rsna")
    out = tmp_path / "out"
    done = ich_node("read", folder, "--json", "--out", out, "--bundle", untrained_bundle)
    (reading,) = json.loads(done.stdout)["readings"]
    assert done.exit_code == 0
    assert reading["outcome"] == "read"
    (sr,) = out.rglob("sr.dcm")
    assert b"ID_a57913c212" in sr.read_bytes()


def test_a_refused_series_is_an_answer(tmp_path, untrained_bundle):
    air = (np.full((128, 128), -990) + 1024).astype("<i2").tobytes()
    folder = save(head_series(BodyPartExamined="CHEST", PixelData=air), tmp_path / "chest")
    done = ich_node("read", folder, "--json", "--bundle", untrained_bundle)
    (reading,) = json.loads(done.stdout)["readings"]
    assert done.exit_code == 0
    assert (reading["outcome"], reading["reason"], reading["positive"], reading["slices"]) == (
        "refused",
        "not_head",
        None,
        [],
    )


def test_nothing_to_read_is_exit_1(tmp_path, untrained_bundle):
    (tmp_path / "letter.txt").write_text("hello")
    done = ich_node("read", tmp_path, "--bundle", untrained_bundle)
    assert done.exit_code == 1
    assert "no DICOM series found" in done.stderr


def test_explain_says_what_would_be_read_or_refused_and_why(tmp_path):
    save(head_series(), tmp_path / "head")
    save(head_series(ConvolutionKernel="BONE", SeriesInstanceUID="1.2.3"), tmp_path / "bone")
    (tmp_path / "letter.txt").write_text("hello")
    done = ich_node("explain", tmp_path)
    assert "would be read: 12 slices over 110 mm" in done.stdout
    assert "would be refused (bone_kernel)" in done.stdout
    assert "letter.txt: not a DICOM file" in done.stdout
    assert {
        item["outcome"]
        for item in json.loads(ich_node("explain", tmp_path, "--json").stdout)["series"]
    } == {
        "read",
        "refused",
    }


def test_explain_and_read_say_what_is_missing_and_doubtful(tmp_path, untrained_bundle):
    """A head without its vertex, under the label of a chest."""
    folder = save(head_series(BodyPartExamined="CHEST")[:9], tmp_path / "head")
    done = ich_node("explain", folder)
    assert "would be read: 9 slices" in done.stdout
    assert "  not the whole head: " in done.stdout
    assert "  warning: the header names BodyPartExamined CHEST" in done.stdout
    (item,) = json.loads(ich_node("explain", folder, "--json").stdout)["series"]
    assert [missing["part"] for missing in item["missing"]] == ["vertex"]
    assert [warning["kind"] for warning in item["warnings"]] == ["body_part"]
    assert (
        "the header names BodyPartExamined CHEST"
        in ich_node("read", folder, "--bundle", untrained_bundle).stdout
    )


def test_a_bundle_that_is_none_is_a_sentence(phantom, tmp_path):
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    done = ich_node("read", phantom, "--bundle", tmp_path / "junk.safetensors")
    assert done.exit_code == 1
    assert "not a safetensors file" in done.stderr
    assert "Traceback" not in done.stderr


# --- configuration and peers


def test_version_and_help():
    """tests/wheel: of an installed wheel it is the version in its name."""
    assert ich_node("--version").stdout == f"ich-node {__version__}\n"
    assert "not a medical device" in ich_node("--help").stdout


def test_the_process_prints_its_answer_and_ends_with_0():
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ich-node {__version__}\n", "")


def test_a_wrong_configuration_is_exit_2_and_a_sentence(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[scp]\nprot = 1\n")
    done = process("--config", path, "check-config")
    assert (done.returncode, done.stdout) == (2, "")
    assert "[scp] has no setting 'prot'; did you mean 'port'?" in done.stderr


def test_check_config_says_what_the_node_will_do(config):
    done = ich_node("check-config", config=config)
    assert done.exit_code == 0
    assert "listens as ICHNODE on 0.0.0.0:11112" in done.stdout
    assert "accepts nobody" in done.stdout
    assert "sends objects to pacs (PACS at 127.0.0.1:1)" in done.stdout


def test_echo_answers_in_words(tmp_path):
    """0 if the peer answers; 1 with the reason if it rejects or is not there; 2 if there is no such
    destination.
    """
    config = tmp_path / "config.toml"
    with pacs(calling_ae_titles=["SOMEBODY"]) as strict, pacs() as open_to_all:
        config.write_text(
            "".join(
                f'[[destinations]]\nname = "{name}"\nae_title = "PACS"\n'
                f'host = "127.0.0.1"\nport = {port}\n'
                for name, port in (("strict", strict.port), ("open", open_to_all.port), ("down", 1))
            )
        )
        assert ich_node("echo", "open", config=config).exit_code == 0
        rejected = ich_node("echo", "strict", config=config)
        assert rejected.exit_code == 1
        assert (
            "rejects our calling AE title 'ICHNODE': its administrator must add it"
            in rejected.stdout + rejected.stderr
        )
        assert ich_node("echo", "down", config=config).exit_code == 1
        unknown = ich_node("echo", "nobody", config=config)
        assert unknown.exit_code == 2
        assert "there are: strict, open, down" in unknown.stderr


def test_echo_without_a_name_asks_all(tmp_path):
    """One line for each destination; one that fails, or is wrongly configured, hides no other."""
    config = tmp_path / "config.toml"
    with pacs() as peer:
        config.write_text(
            '[[destinations]]\nname = "down"\nae_title = "PACS"\n'
            'host = "127.0.0.1"\nport = 1\n'
            '[[destinations]]\nname = "worklist"\nkind = "webhook"\n'
            f'url = "http://127.0.0.1:1/"\nsecret_file = "{tmp_path}/missing"\n'
            '[[destinations]]\nname = "pacs"\nae_title = "PACS"\n'
            f'host = "127.0.0.1"\nport = {peer.port}\n'
        )
        asked = ich_node("echo", config=config)
    assert asked.exit_code == 1
    assert [line.split()[0].rstrip(":") for line in asked.stdout.splitlines()] == [
        "down",
        "worklist",
        "pacs",
    ]
    config.write_text("")
    nobody = ich_node("echo", config=config)
    assert nobody.exit_code == 2
    assert "there is nobody to ask" in nobody.stderr


# --- jobs and models


def add_job(tmp_path: Path, series: str, *, urgent: bool = False) -> None:
    open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite").receiving.add(
        Instance(
            sop_instance_uid=f"{series}.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_instance_uid="1.2",
            series_instance_uid=series,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256="0" * 64,
            path=f"objects/00/{'0' * 64}.dcm",
            size_bytes=1,
            source="modality",
            received_at=NOW,
        ),
        ready_at=NOW + timedelta(days=40_000),
        max_wait=timedelta(days=40_000),
        urgent=urgent,
    )


def run_json(config: Path, *arguments: object) -> Any:
    done = ich_node(*arguments, "--json", config=config)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_jobs_are_listed_shown_closed_cancelled_and_retried(tmp_path, config):
    add_job(tmp_path, "1.2.3")
    assert [job["state"] for job in run_json(config, "jobs", "list")["jobs"]] == ["WAITING"]
    assert "…1.2.3" in ich_node("jobs", "list", config=config).stdout
    assert [
        item["sop_instance_uid"] for item in run_json(config, "jobs", "show", 1)["instances"]
    ] == ["1.2.3.1"]
    assert ich_node("jobs", "close", 1, config=config).exit_code == 0
    assert ich_node("jobs", "cancel", 1, config=config).exit_code == 0
    for state in ("CANCELLED", "cancelled"):
        assert run_json(config, "jobs", "list", "--state", state)["jobs"][0]["id"] == 1
    assert run_json(config, "jobs", "list", "--state", "waiting")["jobs"] == []
    assert ich_node("jobs", "retry", 1, config=config).exit_code == 0
    shown = ich_node("jobs", "show", 1, config=config).stdout
    assert "job 1, revision 1: ready" in shown
    story = [
        line.partition("Z  ")[2].partition(":")[0] for line in shown.splitlines() if "Z  " in line
    ]
    assert story == ["received", "closed", "cancelled", "retried"]
    missing = ich_node("jobs", "show", 99, config=config)
    assert missing.exit_code == 2
    assert "there is no job '99'" in missing.stderr


def test_jobs_that_wait_in_another_lane_are_shown_so(tmp_path, config):
    add_job(tmp_path, "1.2.3", urgent=True)
    assert " s, urgent" in ich_node("jobs", "show", 1, config=config).stdout


def test_the_jobs_of_a_study_say_which_was_read_and_why_the_others_were_not(tmp_path, config):
    """The answer in a word, its score beside the threshold, what is missing, what stands."""
    for series in ("1.2.3", "1.2.4", "1.2.5"):
        add_job(tmp_path, series)
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        for number in (1, 2, 3):
            ledger.operator.close(number, now=NOW)
        held = {"owner": "test", "now": NOW, "lease": timedelta(hours=1), "max_attempts": 3}
        aside = ledger.reading.claim(**held)
        words = "series 3 (5 mm, H31S) of the same acquisition is read instead"
        ledger.reading.set_aside(aside, now=NOW, in_favour_of=2, detail=words)
        ledger.reading.finish(
            ledger.reading.claim(**held),
            now=NOW,
            answer=Answer.PRESENT,
            series_probability=0.9123,
            bundle_sha256="b",
            results=[],
            destinations=[],
            detail="a hole (from 20.0 to 60.0 mm; Instance Numbers 4, 9)",
        )
        refused = ledger.reading.claim(**held)
        ledger.reading.refuse(refused, now=NOW, reason="bone_kernel", detail="kernel H70H")
    listed = " ".join(ich_node("jobs", "list", config=config).stdout.split())
    assert "set aside" in listed
    assert "not analysed" in listed
    shown = ich_node("jobs", "show", 2, config=config).stdout
    assert "done present, score 91.2 % is above the threshold" in shown
    assert "a hole (from 20.0 to 60.0 mm; Instance Numbers 4, 9)" in shown
    assert f"same study: job 1, revision 1, set aside; {words}" in shown
    assert "same study: job 3, revision 1, refused; not analysed; bone_kernel; kernel H70H" in shown
    assert "read instead: job 2" in ich_node("jobs", "show", 1, config=config).stdout
    others = run_json(config, "jobs", "show", 2)["study"]
    assert [(job["id"], job["answer"]) for job in others] == [(1, None), (3, "not_analysed")]


def test_a_model_is_activated_and_rolled_back(tmp_path, config, untrained_bundle):
    """The copy is kept under its hash, so the original may go; rollback returns to the model before
    it.
    """
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    first.write_bytes(untrained_bundle.read_bytes())
    assert "reading now" in ich_node("model", "list", config=config).stdout
    assert ich_node("model", "activate", first, "--why", "trial", config=config).exit_code == 0
    first.unlink()
    assert "trial" in ich_node("model", "list", config=config).stdout
    card = json.loads(ich_node("model", "show", config=config).stdout)
    assert card["licence"]
    assert card["provenance"]["source"]
    second.write_bytes(b"junk")
    refused = ich_node("model", "activate", second, config=config)
    assert refused.exit_code == 1
    assert "not a safetensors file" in refused.stderr
    alone = ich_node("model", "rollback", config=config)
    assert alone.exit_code == 2


def test_phantom_writes_the_same_bytes_for_the_same_seed(phantom, tmp_path):
    """And truth.json beside them."""
    again = tmp_path / "again"
    ich_node("phantom", "--out", again, "--seed", 21, "--bleed", "IPH")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in phantom.iterdir()
    }
    wrong = ich_node("phantom", "--out", tmp_path / "x", "--bleed", "ABC")
    assert wrong.exit_code == 2
    assert "IPH, IVH, SAH, SDH, EDH" in wrong.stderr


def test_phantom_has_the_accession_number_that_it_is_given(monkeypatch, tmp_path):
    """Where it fits into the header; a folder that cannot be written is a sentence."""
    small = partial(make_study, rows=64, slice_mm=40.0)
    monkeypatch.setattr("ich_node.phantom.make_study", small)
    ich_node("phantom", "--out", tmp_path / "head", "--accession", "ACC-1")
    assert pydicom.dcmread(tmp_path / "head" / "slice-000.dcm").AccessionNumber == "ACC-1"
    for wrong in ("ACC-1 of the first head", "ACC\\1"):
        said = ich_node("phantom", "--out", "x", "--accession", wrong)
        assert "at most 16 characters" in said.stderr
    (tmp_path / "file").write_text("")
    said = ich_node("phantom", "--out", tmp_path / "file" / "head")
    assert (said.exit_code, said.stderr) == (
        2,
        f"ich-node: cannot write {tmp_path}/file/head: Not a directory\n",
    )


def test_read_and_explain_refuse_children_where_a_minimum_age_is_set(tmp_path, untrained_bundle):
    config = tmp_path / "config.toml"
    config.write_text("[selection]\nminimum_age = 18\n")
    folder = save(head_series(PatientAge="007Y"), tmp_path / "child")
    done = ich_node("read", folder, "--json", "--bundle", untrained_bundle, config=config)
    (reading,) = json.loads(done.stdout)["readings"]
    assert (reading["outcome"], reading["reason"]) == ("refused", "too_young")
    assert "would be refused (too_young)" in ich_node("explain", folder, config=config).stdout
    assert "would be read" in ich_node("explain", folder).stdout
