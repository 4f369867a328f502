"""`ich-node backup` and `restore`, as an administrator and cron see them."""

import re
from pathlib import Path

from tests.backup.conftest import SQLITE
from tests.support.backed_up import BackedUpNode, damage
from tests.support.command_line import ich_node


def test_the_way_of_an_administrator(node: BackedUpNode, tmp_path: Path) -> None:
    """Backed up, listed, checked, looked at, restored elsewhere; each step says what it did, and
    what has to be fetched. No patient, and no secret is printed.
    """
    backups, config = tmp_path / "mine", node.config_path
    made = ich_node("backup", backups, config=config)
    assert made.exit_code == 0, made.stderr
    assert re.search(r"to copy: 0\.0 MB of new objects and about 0\.\d MB of ledger", made.stdout)
    assert re.search(r"3 jobs, 7 files of 0\.0 MB, 2 deliveries owed", made.stdout)
    name = made.stdout.splitlines()[-1].rpartition("/")[2]
    assert [(event.action, event.target) for event in node.ledger.audit.newest(limit=1)] == [
        ("backup", str(backups))
    ]
    noted = node.ledger.measurements.newest("backup")
    assert noted is not None
    assert noted.facts == {"folder": str(backups), "backup": name}

    listed = ich_node("backup", backups, "--list", config=config).stdout.splitlines()
    assert listed[1].startswith(name)
    assert "whole: every hash is right" in ich_node("backup", backups, "--check").stdout
    assert "whole: every hash is right" in ich_node("restore", backups, "--check").stdout

    other = BackedUpNode(folder=tmp_path / "other", url=SQLITE)
    dry = ich_node("restore", backups, config=other.config_path)
    assert dry.exit_code == 0
    assert dry.stdout.splitlines()[-1] == "nothing was changed; --apply does it"
    assert [each.name for each in other.folder.iterdir()] == ["config.toml"]
    done = ich_node("restore", backups, "--apply", "--paused", config=other.config_path)
    assert done.exit_code == 0, done.stderr
    assert "[database] search_key: " in done.stdout
    assert "owed: 2 deliveries to board, pacs" in done.stdout
    assert "paused: reading and every destination" in done.stdout
    assert re.search(
        rf"  ich-node --config {other.config_path} pull ct --since \d{{4}}-\d\d-\d\d$",
        done.stdout,
        re.MULTILINE,
    )
    assert "whsec" not in made.stdout + dry.stdout + done.stdout
    again = ich_node("restore", backups, "--apply", config=other.config_path)
    assert again.exit_code == 1
    assert "--replace moves it aside" in again.stderr
    assert ich_node("jobs", "list", config=other.config_path).exit_code == 0
    other.close()


def test_exit_codes_for_cron(node: BackedUpNode, tmp_path: Path) -> None:
    """1: it was made and lacks something, or is damaged; 2: the command is wrong."""
    backups = tmp_path / "mine"
    (first, second) = node.objects(1)
    node.spool.absolute(first.path).unlink()
    made = ich_node("backup", backups, "--without-keys", config=node.config_path)
    assert made.exit_code == 1
    assert "the spool lacked 1 objects that the ledger needs" in made.stdout
    assert "left out: keys, certificates and passwords" in made.stdout
    damage(backups / second.path)
    checked = ich_node("backup", backups, "--check")
    assert checked.exit_code == 1
    assert f"{backups / second.path} is damaged" in checked.stdout
    for wrong in (["--list", "--check"], ["--at", "x"], ["--keep", "0"]):
        assert ich_node("backup", backups, *wrong, config=node.config_path).exit_code == 2
    assert ich_node("backup", tmp_path / "node", config=node.config_path).exit_code == 2
    assert ich_node("restore", tmp_path / "nowhere", config=node.config_path).exit_code == 1
