"""The folder that a demonstration is given."""

import os
import re
from pathlib import Path

import pytest

from ich_node.demo.errors import DemoError
from ich_node.demo.folder import MARK, WRITTEN_BY, demonstration_folder
from tests.support.command_line import ich_node

PARTS = ("node", "phantom", "received")


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("")
    return folder


@pytest.mark.parametrize("is_marked", [True, False])
def test_what_an_earlier_demonstration_left_is_removed(is_marked: bool, tmp_path: Path) -> None:
    """By its mark, also if it ended before it had written anything; earlier versions left none.
    What lies beside it stays.
    """
    filled(tmp_path, *PARTS, "mine")
    if is_marked:
        (tmp_path / MARK).write_text("4711\n")
    else:
        (tmp_path / "node" / "config.toml").write_text(f"{WRITTEN_BY}; of an earlier run\n")
    with demonstration_folder(tmp_path) as folder:
        assert [name for name in PARTS if (folder / name).exists()] == []
    assert (tmp_path / "mine" / "file").exists()


def test_what_somebody_else_made_stays(tmp_path: Path) -> None:
    """A folder of such a name is not written to."""
    filled(tmp_path, "received")
    with pytest.raises(DemoError, match=f"{tmp_path}/received exists and is of no demonstration"):
        demonstration_folder(tmp_path).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["received"]


def test_one_at_a_time(tmp_path: Path) -> None:
    """The second in the same folder is told who has it, and changes nothing."""
    with demonstration_folder(tmp_path):
        filled(tmp_path, "node")
        done = ich_node("demo", "--out", tmp_path)
        assert done.exit_code == 1
        assert f"another demonstration runs in {tmp_path} (process {os.getpid()})" in done.stderr
        assert (tmp_path / "node" / "file").exists()


@pytest.mark.parametrize("place", ["file/below", "/proc/demo"])
@pytest.mark.parametrize("command", ["demo", "demo-web"])
def test_a_folder_that_cannot_be_written_is_said(command: str, place: str, tmp_path: Path) -> None:
    """In one sentence, with what to do."""
    (tmp_path / "file").write_text("")
    done = ich_node(command, "--out", tmp_path / place)
    assert done.exit_code == 1
    assert re.fullmatch(
        rf"ich-node: cannot write \S*{place}: [\w ]+; choose another folder: --out FOLDER\n",
        done.stderr,
    )


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """With the folder; any other error of the system is a bug and shows itself."""
    with (
        pytest.raises(DemoError, match=f"no room in {tmp_path}: No space left on device"),
        demonstration_folder(tmp_path),
    ):
        Path("/dev/full").write_text("x")
    with pytest.raises(ConnectionError), demonstration_folder(tmp_path):
        raise ConnectionError


def test_settings_of_another_node_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phantoms must not come into the ledger of a node that is in use."""
    monkeypatch.setenv("ICHNODE__DATABASE__URL", "sqlite:////elsewhere.sqlite")
    monkeypatch.setenv("ICHNODE_HOME", "/elsewhere")
    monkeypatch.setenv("ICHNODE_RUN", "/elsewhere")
    with demonstration_folder(tmp_path):
        assert not {"ICHNODE__DATABASE__URL", "ICHNODE_HOME", "ICHNODE_RUN"} & set(os.environ)
    assert os.environ["ICHNODE_HOME"] == "/elsewhere"
