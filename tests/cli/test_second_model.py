"""jobs reread, model shadow and model compare --since, as an administrator types them."""

import json
import sys
from collections.abc import Iterator
from unittest import mock

import pytest
from PIL import Image

from ich_node.ledger import JobState, Lane, ReadingState
from ich_node.model.bundle_file import read_header
from tests.support.command_line import Ran, ich_node
from tests.support.second_model import TwoModels, two_models


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[TwoModels]:
    """For commands that only look, or are refused."""
    with two_models(tmp_path_factory.mktemp("node")) as node:
        node.answer([0.9, 0.2])
        yield node


@pytest.fixture
def node(tmp_path) -> Iterator[TwoModels]:
    with two_models(tmp_path) as opened:
        opened.answer([0.9, 0.2])
        yield opened


def run(node: TwoModels, *arguments: object) -> Ran:
    return ich_node(*arguments, config=node.config)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "reread"], "--since 30d"),
        (["jobs", "reread", 1, "--since", "3d"], "--since 30d"),
        (["jobs", "reread", 1, "--until", "3d"], "--until goes with --since"),
        (["jobs", "reread", 99], "there is no job '99'"),
        (["jobs", "reread", 1, "--bundle", "ward-2"], "did you mean ward-1?"),
        (["jobs", "reread", 1, "--bundle", "x.safetensors"], "neither a bundle file nor a model"),
        (["jobs", "reread", "--since", "soon"], "--since 'soon' is not a time"),
        (["model", "shadow"], "name the model that is to read behind the active one"),
        (["model", "shadow", "ward-1"], "it is the active model"),
        (["model", "compare", "ward-1", "ward-1", "--since", "3d"], "name two models"),
        (["model", "compare", "ward-1", "ward-1", "--scatter", "x.png"], "--since 30d"),
    ],
)
def test_bad_input_is_a_sentence(shared, arguments, words):
    """It names the argument and a near alternative; nothing changes."""
    ran = run(shared, *arguments)
    assert (ran.exit_code, words in ran.stderr) == (2, True), ran.stderr
    assert shared.ledger.rereading.progress() == {}


def test_commands_that_look_make_nothing(tmp_path):
    """Neither a ledger nor a spool, where there is none yet."""
    config = tmp_path / "config.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/x.sqlite"\n', encoding="utf-8")
    for arguments in (
        ["model", "list"],
        ["model", "shadow", "--stop"],
        ["jobs", "reread", "--status"],
        ["jobs", "reread", "--since", "3d"],
    ):
        assert "Traceback" not in ich_node(*arguments, config=config).stderr
    assert list(tmp_path.iterdir()) == [config]


def test_readings_beside_the_answers(node):
    """The file is kept: its readings do not depend on the original. Asked twice, nothing new."""
    assert run(node, "jobs", "reread", "--status").stdout == "nothing was asked to be read again\n"
    ran = run(node, "jobs", "reread", 1, 2, "--bundle", node.new)
    header = read_header(node.new)
    assert ran.stdout.startswith(f"2 series will be read again by head-ct-2 {header.sha256[:12]}")
    (reading,) = node.ledger.rereading.of_job(1)
    assert reading.bundle_path == str(
        node.folder / "spool" / "bundles" / f"{header.sha256}.safetensors"
    )
    again = run(node, "jobs", "reread", 1, "--bundle", "head-ct-2")
    assert again.exit_code == 1
    assert "1 of 1 has this model's answer, or waits for it (job 1)" in again.stdout
    assert "nothing to read again" in run(node, "jobs", "reread", "--since", "3min").stdout
    node.read_beside([0.25])
    assert "2 series" not in run(node, "jobs", "reread", "--status").stdout
    assert "1 waiting, 1 done" in run(node, "jobs", "reread", "--status").stdout
    assert "reread by head-ct-2" in run(node, "jobs", "show", 1).stdout
    shown = json.loads(run(node, "jobs", "show", 1, "--json").stdout)
    assert [each["answer"] for each in shown["readings"]] == ["absent"]


def test_answers_that_replace_the_first_are_confirmed(node):
    """It names how many and to whom; without a yes nothing changes."""
    command = ["jobs", "reread", 1, "--bundle", node.new, "--deliver"]
    with mock.patch("typer.confirm", return_value=False):
        ran = run(node, *command)
    assert "1 series to be read again by head-ct-2" in ran.stdout
    assert "to: pacs, ris" in ran.stdout
    assert ran.stdout.endswith("nothing was changed\n")
    assert len(node.ledger.operator.list()) == 2
    assert run(node, *command, "--yes").exit_code == 0
    newest = node.ledger.operator.list()[0]
    assert (newest.revision, newest.state, newest.lane) == (2, JobState.WAITING, Lane.AGAIN)
    status = run(node, "jobs", "reread", "--status").stdout
    assert status == "1 series waits to be read again and delivered\n"


def test_a_shadow_from_its_start_to_its_end(node):
    """By a file, then by its name; another one takes its place."""
    assert run(node, "model", "shadow", node.new, "--why", "trial").exit_code == 0
    assert "is the shadow already" in run(node, "model", "shadow", "head-ct-2").stdout
    node.answer([0.7])
    listed = run(node, "model", "list").stdout
    assert "head-ct-2" in listed
    assert ": trial" in listed
    assert "1 waiting" in listed
    assert "the shadow is head-ct-2" in run(node, "model", "shadow", "ward-1", "--stop").stderr
    assert run(node, "model", "shadow", "--stop").stdout.startswith("stopped: head-ct-2")
    assert run(node, "model", "shadow", "--stop").stdout == "there is no shadow\n"
    assert node.ledger.shadows.counts(read_header(node.new).sha256) == {}


def test_two_models_are_compared_on_what_both_have_read(node, tmp_path):
    """As people read it, as JSON, and as a picture."""
    nothing = run(node, "model", "compare", node.ward, node.new, "--since", "30d").stdout
    assert "no series was read by both" in nothing
    run(node, "jobs", "reread", "--since", "30d", "--bundle", node.new)
    node.read_beside([0.3, 0.1])
    node.say([1], bleeding=True)
    compare = ["model", "compare", "ward-1", "head-ct-2", "--since", "30d"]
    found = json.loads(run(node, *compare, "--json").stdout)
    assert found["table"] == {"both": 0, "only_a": 1, "only_b": 0, "neither": 1}
    assert (found["only_a"], found["only_b"]) == ([1], [])
    assert (found["mcnemar_p"], found["agreement"]["value"]) == (1.0, 0.5)
    assert found["verdicts"]["A"]["sensitivity"]["value"] == 1.0
    assert found["verdicts"]["B"]["sensitivity"]["value"] == 0.0
    assert found["verdicts"]["B"]["specificity"]["value"] is None
    picture = tmp_path / "scores.png"
    printed = run(node, *compare, "--scatter", picture).stdout
    assert "only A positive: job 1" in printed
    assert "B specificity unknown: there is no such series" in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    with Image.open(picture) as image:
        assert image.size == (600, 600)
        assert len(image.convert("RGB").getcolors(maxcolors=1 << 24)) > 3
    with mock.patch.dict(sys.modules, {"matplotlib.figure": None}):
        missing = run(node, *compare, "--scatter", picture)
    assert (missing.exit_code, "needs matplotlib" in missing.stderr) == (1, True)


def test_a_waiting_reading_is_not_counted_as_one(node):
    """Only answers count."""
    run(node, "jobs", "reread", "--since", "30d", "--bundle", node.new)
    found = json.loads(
        run(node, "model", "compare", "ward-1", "head-ct-2", "--since", "30d", "--json").stdout
    )
    assert (found["a"]["read"], found["b"]["read"]) == (2, 0)
    states = {each.state for each in node.ledger.rereading.of_job(1)}
    assert states == {ReadingState.WAITING}
