"""`ich-node pull` as an administrator sees it."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ich_node.config.load import load_config
from tests.pull.conftest import PullingNode, node
from tests.pull.test_web import HEAD, answers, files
from tests.support.command_line import Ran, ich_node
from tests.support.heads import ROOT
from tests.support.node import opened_ledger
from tests.support.query_retrieve import query_retrieve_peer, series_of
from tests.support.web_receiver import web_receiver

__all__ = ["node"]  # the fixture
CONFIG = """
[scp]
port = {own_port}
[database]
url = "sqlite:///ledger.sqlite"
[spool]
path = "spool"
[[sources]]
name = "pacs"
ae_title = "PACS"
[sources.query]
host = "127.0.0.1"
port = {port}
series_per_minute = 600
{more}
[[sources]]
name = "scanner"
ae_title = "CT1"
"""


def configured(folder: Path, port: int, *, own_port: int = 11112, more: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(own_port=own_port, port=port, more=more))
    return path


def pull(config: Path, *arguments: object) -> Ran:
    with capture_logs():  # of the listener in this process
        ran = ich_node("pull", *arguments, config=config)
    assert all(len(line) <= 80 for line in ran.stdout.splitlines() if not line.startswith("{"))
    return ran


def test_a_list_and_a_pull_and_a_second_pull(node: PullingNode, tmp_path: Path) -> None:
    """Nobody's name or number is printed: a line of the file is. A terminal obeys no description.
    What is not there has exit code 1.
    """
    held = [*series_of(1, "Head 5.0\x1b[2J"), *series_of(2, "Thorax 1.0 " + "x" * 40)]
    accessions = tmp_path / "missed.txt"
    accessions.write_text("# Sunday\nA1\nA2\nSECRET9\n")
    with query_retrieve_peer(held, knows={"ICHNODE": node.port}) as peer:
        config = configured(tmp_path, peer.port, own_port=node.port)
        listed = pull(config, "pacs", "--accessions", accessions, "--dry-run")
        assert listed.stdout.splitlines() == [
            "date        images  why                       series",
            "2026-01-01       3  new                       Head 5.0 [2J",
            "2026-01-01       3  not a head: THORAX        Thorax 1.0 xxxxxxxxxxxxxxxxxxxxxx…",
            "to pull 1, already here 0, left out 1",
            "left out: 1 not a head: THORAX",
            "the source has no CT study for: line 4",
        ]
        assert (listed.exit_code, listed.stderr, node.ledger.operator.list()) == (1, "", [])
        pulled = pull(config, "pacs", "--study", f"{ROOT}1")
        assert pulled.stdout.splitlines() == [
            "date        images  result                    series",
            "2026-01-01       3  pulled                    Head 5.0 [2J",
            "pulled 1, already here 0, left out 0, failed 0",
        ]
        assert pulled.exit_code == 0
        again = pull(config, "pacs", "--since", "2026-01-01", "--until", "2026-01-01", "--json")
        counts = {"pulled": 0, "here": 1, "left_out": 1, "failed": 0, "left": 0}
        assert json.loads(again.stdout)["counts"] == counts
        assert peer.moved == [f"{ROOT}1.1"]
    printed = "".join(ran.stdout + ran.stderr for ran in (listed, pulled, again))
    assert not any(word in printed for word in ("A1", "A2", "SECRET9", "Doe", "P1"))


def test_what_fails_is_named_and_counted(node: PullingNode, tmp_path: Path) -> None:
    """With what to do about it, and exit code 1."""
    with query_retrieve_peer(series_of(1, "Head")) as peer:
        failed = pull(configured(tmp_path, peer.port), "pacs", "--study", f"{ROOT}1")
    assert failed.exit_code == 1
    assert failed.stdout.splitlines() == [
        "date        images  result                    series",
        "2026-01-01       0  failed                    Head",
        "  the source answers C-MOVE with 0xA801: it does not know the move destination",
        "    'ICHNODE': add this AE title with this node's host and [scp] port to its",
        "    configuration",
        "pulled 0, already here 0, left out 0, failed 1",
    ]


def test_ctrl_c_ends_after_the_running_series(node: PullingNode, tmp_path: Path) -> None:
    """What is left is counted; the same command goes on there."""
    # a shell that starts the tests in the background has Ctrl-C ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    held = [*series_of(1, "Head 1"), *series_of(2, "Head 2")]
    days = ("--since", "2026-01-01", "--until", "2026-01-01")
    with query_retrieve_peer(held, knows={"ICHNODE": node.port}) as peer:
        config = configured(tmp_path, peer.port, own_port=node.port)
        peer.on_move = lambda: os.kill(os.getpid(), signal.SIGINT)
        ran = pull(config, "pacs", *days)
        peer.on_move = lambda: None
        again = pull(config, "pacs", *days)
    assert (ran.exit_code, again.exit_code) == (1, 0)
    assert ran.stderr == "ends after this series; Ctrl-C once more ends it at once\n"
    assert ran.stdout.splitlines()[-2:] == [
        "pulled 1, already here 0, left out 0, failed 0, still to pull 1",
        "ended by hand",
    ]
    assert "pulled 1, already here 1," in again.stdout
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_from_dicomweb_the_command_stores_what_it_fetches(tmp_path: Path) -> None:
    """As a process of its own, without a listener; nothing else is printed, also not by the log."""
    with web_receiver() as service:
        service.answer = answers(HEAD, files([*HEAD, *series_of(2, "Head", 1)]))
        config = configured(tmp_path, 1)
        text = config.read_text().replace('host = "127.0.0.1"\nport = 1\n', "")
        url = f'kind = "dicomweb"\nurl = "{service.url}"\n'
        config.write_text(text.replace("[sources.query]\n", f"[sources.query]\n{url}"))
        command = [sys.executable, "-m", "ich_node", "--config", str(config), "pull", "pacs"]
        command += ["--study", f"{ROOT}1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        "2026-01-01       3  pulled                    Head 5.0",
        "pulled 1, already here 0, left out 0, failed 0",
    ]
    with opened_ledger(load_config(config).config.database.url) as ledger:
        (received,) = ledger.counts.all()
    assert (received.name, received.labels, received.value) == ("instances", {"source": "pacs"}, 3)


def test_looking_makes_no_ledger(tmp_path: Path) -> None:
    """Also where the node has received nothing yet."""
    with query_retrieve_peer(series_of(1, "Head")) as peer:
        config = configured(tmp_path, peer.port)
        ran = pull(config, "pacs", "--since", "2026-01-01", "--until", "2026-01-01", "--dry-run")
        empty = pull(config, "pacs", "--since", "2025-01-01", "--until", "2025-01-02", "--dry-run")
    assert "to pull 1," in ran.stdout
    assert empty.stdout.startswith("the source has no CT series of what was asked")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_outside_its_window_nothing_is_pulled(tmp_path: Path) -> None:
    """Listing is allowed; it is said when to come back."""
    now = datetime.now(UTC).astimezone()
    hours = [f"{now + timedelta(hours=hour):%H:%M}" for hour in (2, 3)]
    with query_retrieve_peer([]) as peer:
        config = configured(tmp_path, peer.port, more=f'window = "{hours[0]}-{hours[1]}"')
        ran = pull(config, "pacs", "--since", "2d")
        assert ran.exit_code == 1
        assert f"start it again at {hours[0]}, or give --now" in ran.stderr
        assert pull(config, "pacs", "--since", "2d", "--now").exit_code == 0
        assert pull(config, "pacs", "--since", "2d", "--dry-run").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pasc", "--since", "2d"), "no source 'pasc'; did you mean pacs?"),
        (("x", "--since", "2d"), "no source 'x'; it knows: pacs, scanner"),
        (("scanner", "--since", "2d"), "[[sources]] scanner has no [sources.query]"),
        (("pacs",), "say what to pull, one of: --accessions FILE, --since"),
        (("pacs", "--since", "2d", "--study", "1.2"), "say what to pull, one of"),
        (("pacs", "--study", "1.2", "--until", "2d"), "--until goes with --since"),
        (("pacs", "--since", "soon"), "--since 'soon' is not a time"),
        (("pacs", "--since", "2d", "--until", "3d"), "exchange them"),
        (("pacs", "--accessions", "none.txt"), "--accessions: cannot read none.txt"),
    ],
)
def test_a_wrong_command_is_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, with something near."""
    ran = pull(configured(tmp_path, 1), *arguments)
    assert ran.exit_code == 2
    assert sentence in ran.stderr
