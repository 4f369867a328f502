"""The key behind which the ledger keeps accession numbers and patient IDs."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ich_node.errors import ConfigError
from ich_node.ledger import Ledger, SearchKey
from ich_node.ledger.search_key import KEY_BYTES
from tests.support.ledger_examples import T0
from tests.support.node import opened_ledger

KEY = SearchKey(key=bytes(range(KEY_BYTES)))


@pytest.mark.parametrize("same", ["ab-17", " AB-17 ", "AB-17\0", "ａｂ-１７"])
def test_spellings_of_one_number_are_the_same(same: str) -> None:
    """Upper and lower case, padding, and the wide characters of Japanese systems."""
    assert KEY.accession(same) == KEY.accession("AB-17")


def test_other_values_kinds_and_keys_differ() -> None:
    """So nobody sees in the ledger that a patient ID is used as an accession number."""
    other = SearchKey(key=bytes(KEY_BYTES))
    terms = {
        KEY.accession("17"), KEY.accession("18"), KEY.patient("17"), other.accession("17"),
    }  # fmt: skip
    assert len(terms) == 4
    assert "17" not in repr(KEY)
    assert "\\x1f" not in repr(KEY)


@pytest.mark.parametrize("empty", ["", "  ", "\0"])
def test_an_empty_value_has_no_term(empty: str) -> None:
    assert KEY.accession(empty) is None
    assert KEY.patient(empty) is None


def test_the_first_receiver_makes_the_key(ledger: Ledger, tmp_path: Path) -> None:
    """Readable by nobody else; later ones use it, and so do commands."""
    path = tmp_path / "var" / "search.key"
    assert ledger.search_keys.for_looking(path) is None
    assert not path.exists()
    key = ledger.search_keys.for_receiving(path, now=T0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["search.key"]
    assert ledger.search_keys.for_receiving(path, now=T0) == key
    assert ledger.search_keys.for_looking(path) == key


def test_hosts_that_start_at_once_agree(ledger: Ledger, url: str, tmp_path: Path) -> None:
    """One makes the key; a host without that file refuses instead of making another one."""
    paths = [tmp_path / host / "search.key" for host in ("a", "a", "b", "b")]

    def start(path: Path) -> SearchKey | None:
        """None: it refuses."""
        with opened_ledger(url) as other:
            try:
                return other.search_keys.for_receiving(path, now=T0)
            except ConfigError:
                return None

    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(start, paths))
    assert len({key for key in keys if key}) == 1
    assert sum(path.exists() for path in {*paths}) == 1
    assert keys.count(None) == 2


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.unlink(), "is missing, and the ledger has search terms"),
        (lambda path: path.write_text("00" * KEY_BYTES), "is not the key of this ledger"),
        (lambda path: path.write_text("0123"), "is not a search key, which has 64 hexadecimal"),
        (lambda path: path.write_bytes(b"\xff" * 64), "is not a search key"),
        (lambda path: path.chmod(0o644), "every user of this machine can read"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read: Is a directory"),
    ],
    ids=["missing", "another", "short", "binary", "open", "folder"],
)
def test_a_wrong_key_is_refused(sqlite_ledger: Ledger, tmp_path: Path, spoil, sentence) -> None:
    """By receivers and by commands, with what to do; nothing is made."""
    path = tmp_path / "search.key"
    sqlite_ledger.search_keys.for_receiving(path, now=T0)
    spoil(path)
    before = sorted(os.listdir(tmp_path))
    for use in (
        lambda: sqlite_ledger.search_keys.for_receiving(path, now=T0),
        lambda: sqlite_ledger.search_keys.for_looking(path),
    ):
        with pytest.raises(ConfigError) as caught:
            use()
        assert caught.value.detail.startswith("[database] search_key: ")
        assert sentence in caught.value.detail
    assert sorted(os.listdir(tmp_path)) == before


def test_a_lost_key_can_be_given_up(ledger: Ledger, tmp_path: Path) -> None:
    """The terms that were made with it go, and a new key is made."""
    path = tmp_path / "search.key"
    first = ledger.search_keys.for_receiving(path, now=T0)
    path.unlink()
    ledger.search_keys.forget()
    second = ledger.search_keys.for_receiving(path, now=T0)
    assert second != first
    assert ledger.search_keys.for_looking(path) == second


def test_a_service_without_need_of_the_key_refuses_another_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Hosts of one ledger agree; a host that only reads or sends may have no key at all."""
    ledger.search_keys.for_receiving(tmp_path / "ours", now=T0)
    (tmp_path / "other").write_bytes((tmp_path / "ours").read_bytes()[::-1])
    (tmp_path / "other").chmod(0o600)
    ledger.search_keys.check(tmp_path / "ours")
    ledger.search_keys.check(tmp_path / "missing")
    with pytest.raises(ConfigError, match="is not the key of this ledger"):
        ledger.search_keys.check(tmp_path / "other")
