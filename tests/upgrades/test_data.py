"""An upgrade with data, and the way back: real processes of earlier versions wrote the ledger and
the spool.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import Dataset

from ich_node.config.load import load_config
from ich_node.ledger import open_existing_ledger
from ich_node.ledger.schema import HEAD
from tests.load.soak import SLICES, made_slice, named
from tests.support.peers import free_port, wait_until
from tests.support.running import send
from tests.upgrades.archive import archive
from tests.upgrades.host import LONG, Host, Peek, host
from tests.upgrades.versions import Version, released, this

pytestmark = [pytest.mark.extended, pytest.mark.timeout(3600)]
SCHEMAS = {"9b10dc0": "0003", "1d33a97": "0006"}


def head(number: int, *, bleeds: bool) -> Sequence[Dataset]:
    return named([made_slice(index, bleeds=bleeds) for index in range(SLICES)], number)


def uid(series: Sequence[Dataset]) -> str:
    return str(series[0].SeriesInstanceUID)


def sent(series: Sequence[Dataset], to: Host) -> None:
    assert len(send(series, to.port)) == len(series)


@pytest.mark.parametrize("name", released())
def test_everything_is_found_read_on_and_delivered_once(name, url, tmp_path, code, numbers):
    """The version before receives series, reads two, and is stopped while one owes its results, one
    waits, and of one only half has come. This version reads on with the bundle that was activated.
    Then it goes back: the version before starts again where it can use the ledger; else it says
    that it cannot, and starts with the copy that the migration kept.
    """
    before, peek = code(name), Peek(url=url)
    read, bleeds, owes, waits, half = (
        head(next(numbers), bleeds=bleeds) for bleeds in (False, True, True, False, False)
    )
    with archive() as kept:
        ways = {"url": url, "port": free_port(), "pacs_port": kept.pacs.port}
        with host("node", before, tmp_path, **ways) as old:
            activated = old.run("model", "activate", str(shipped_bundle(before)))
            assert activated.returncode == 0, activated.stderr
            old.start("receive", "analyse", "send")
            old.listens()
            sent(read, old)
            sent(bleeds, old)
            wait_until(lambda: len(kept.came) >= 4, seconds=LONG, what="the first results")
            wait_until(
                lambda: (
                    set(peek.states().values()) == {"DONE"}
                    and not peek.results("SENDING")
                    and not peek.results("PENDING")
                ),
                seconds=LONG,
                what="the end of the deliveries",
            )
            first = dict(kept.came)
            old.stop("send")
            sent(owes, old)
            wait_until(lambda: peek.states()[uid(owes)] == "DONE", seconds=LONG, what="its reading")
            old.stop("analyse")
            sent(waits, old)
            sent(half[: SLICES // 2], old)
            old.stop("receive")
        owed, was = peek.results("PENDING"), peek.schema()
        assert owed
        assert was == SCHEMAS.get(name, was)  # it was the code of that version
        assert peek.states()[uid(waits)] == peek.states()[uid(half)] == "WAITING"
        assert kept.came == first

        with host("node", this(), tmp_path, more="[web]\nenabled = false\n", **ways) as new:
            plan = new.run("migrate", "--dry-run")
            assert plan.returncode == 0, plan.stderr
            new.start("run")
            new.listens()
            sent(half[SLICES // 2 :], new)
            ends = {uid(each): "DONE" for each in (read, bleeds, owes, waits, half)}
            wait_until(lambda: peek.states() == ends, seconds=LONG, what="the reading of the rest")
            wait_until(
                lambda: not peek.results("PENDING") and not peek.results("SENDING"),
                seconds=LONG,
                what="the deliveries",
            )
            assert kept.came.keys() >= owed
            assert kept.wrong(peek.results("SENT")) == []
            again = new.run("jobs", "resend", "1")
            assert again.returncode == 0, again.stderr
            wait_until(
                lambda: any(len(kept.came[each]) == 2 for each in first),
                seconds=LONG,
                what="the results of job 1 once more",
            )
            assert all(len(set(contents)) == 1 for contents in kept.came.values())
            for command in (("jobs", "list"), ("jobs", "show", "1"), ("ready", "analyse")):
                assert new.run(*command).returncode == 0, command
            new.stop("run")
        assert peek.schema() == HEAD
        of_each = {job.bundle_sha256 for job in jobs(url)}
        assert len(of_each) == 1  # the one that was activated

        with host("node", before, tmp_path, **ways) as back:
            if was != HEAD:
                refused = back.run("jobs", "list")
                assert refused.returncode == 2
                assert f"{HEAD}" in refused.stderr
                assert "newer" in refused.stderr
                if not url.startswith("sqlite"):
                    return
                put_back(tmp_path / "ledger.sqlite", was)
            later = head(next(numbers), bleeds=True)
            back.start("receive", "analyse", "send")
            back.listens()
            sent(later, back)
            wait_until(
                lambda: peek.states().get(uid(later)) == "DONE" and not peek.results("PENDING"),
                seconds=LONG,
                what="a series read by the version before",
            )
            assert all(len(set(contents)) == 1 for contents in kept.came.values())


def shipped_bundle(version: Version) -> Path:
    return sorted((version.folder / "ich_node" / "bundles").glob("*.safetensors"))[0]


def put_back(ledger: Path, schema: str) -> None:
    """As docs/upgrades.md says it."""
    for suffix in ("", "-wal", "-shm"):
        ledger.with_name(f"{ledger.name}{suffix}").unlink(missing_ok=True)
    shutil.copy(ledger.with_name(f"{ledger.name}.before-migrating-{schema}"), ledger)
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def jobs(url: str):
    ledger = open_existing_ledger(url)
    try:
        return ledger.operator.list(limit=100)
    finally:
        ledger.dispose()


@pytest.mark.parametrize("name", released())
def test_the_configuration_of_an_earlier_version_is_loaded(name, tmp_path, code):
    """The config.toml that came with it, as it was: what no longer exists is named, and has no
    effect.
    """
    shutil.copy(code(name).folder / "config.toml", tmp_path)
    loaded = load_config(tmp_path / "config.toml")
    gone = {f"{each.section}.{each.key}" for each in loaded.removed}
    assert gone == ({"scp.processes"} if name == "9b10dc0" else set())
