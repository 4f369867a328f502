"""`ich-node model list` and `show` read a bundle's header and do not claim to verify it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ich_node.cli import main
from ich_node.errors import BundleError
from ich_node.model.bundle_file import known_header, open_bundle, read_header


@pytest.fixture
def bundle(tmp_path, untrained_bundle) -> Path:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(untrained_bundle.read_bytes())
    return path


@pytest.fixture
def config(tmp_path, bundle) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\n[bundle]\npath = "{bundle}"\n'
    )
    return path


def ich_node(config: Path, *arguments: object) -> int:
    """In this process; the exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_header_states_what_loading_finds(bundle):
    header, opened = read_header(bundle), open_bundle(bundle)
    assert (header.name, header.sha256) == (opened.name, opened.sha256)
    assert header.card["operating_point"] == {"threshold": opened.operating_point.threshold}


def test_the_bundle_that_reads_is_named(config, bundle, capsys):
    assert ich_node(config, "model", "list") == 0
    assert capsys.readouterr().out == (
        f"reading now: untrained {read_header(bundle).sha256[:12]} ({bundle})\n"
    )


def test_torch_is_not_imported(config):
    """A process of its own, because this one has imported it."""
    script = (
        "import sys\n"
        "from ich_node.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    assert not {'torch', 'scipy', 'pydicom'} & sys.modules.keys()\n"
    )
    for command in ("list", "show"):
        subprocess.run(
            [sys.executable, "-c", script, "--config", str(config), "model", command],
            check=True,
            capture_output=True,
        )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "cannot read the bundle: No such file"),
        (lambda path: path.write_bytes(b""), "not a safetensors file"),
        (lambda path: path.write_bytes(b"no bundle at all"), "not a safetensors file"),
        (
            lambda path: path.write_bytes((2).to_bytes(8, "little") + b"{}"),
            "not an ich-node bundle",
        ),
    ],
)
def test_a_file_that_is_no_bundle_is_an_error(config, bundle, spoil, words, capsys):
    """The activations are listed all the same: an admin who rolls back needs them."""
    assert ich_node(config, "model", "activate", bundle, "--why", "trial") == 0
    assert ich_node(config, "model", "list") == 0
    (kept,) = (bundle.parent / "spool" / "bundles").iterdir()
    spoil(kept)
    capsys.readouterr()
    assert ich_node(config, "model", "list") == 1
    printed = capsys.readouterr()
    assert "reading now" not in printed.out
    assert "trial" in printed.out
    assert words in printed.err
    assert str(kept) in printed.err


def test_damaged_weights_are_found_by_verify_and_by_activate(config, bundle, capsys):
    """The header of the file is as before, so `list` and `show` cannot notice."""
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    bundle.write_bytes(data)
    assert ich_node(config, "model", "list") == 0
    assert ich_node(config, "model", "show") == 0
    assert ich_node(config, "model", "show", "--verify") == 1
    assert ich_node(config, "model", "activate", bundle) == 1
    assert "self-check failed" in capsys.readouterr().err


def test_an_activated_file_that_was_changed_is_reported(config, bundle, tmp_path, capsys):
    """It is a whole bundle, but not the one that somebody activated."""
    assert ich_node(config, "model", "activate", bundle) == 0
    (kept,) = (tmp_path / "spool" / "bundles").iterdir()
    other = kept.read_bytes().replace(b"Apache-2.0", b"Apache-9.9")
    kept.write_bytes(other)
    capsys.readouterr()
    assert ich_node(config, "model", "list") == 0
    assert "WARNING: this file is not the one that was activated" in capsys.readouterr().out


def test_show_prints_the_card_without_the_self_check(config, capsys):
    assert ich_node(config, "model", "show") == 0
    card = json.loads(capsys.readouterr().out)
    assert card["name"] == "untrained"
    assert {"sha256", "peak_rule", "provenance", "licence"} <= card.keys()
    assert "self_check_peaks" not in card


def test_a_card_that_is_no_document_is_refused(tmp_path, bundle):
    """A header that cannot be parsed is an error, not a traceback."""
    path = tmp_path / "edited.safetensors"
    header = json.dumps({"__metadata__": {"ich_node.bundle": "[]"}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(BundleError, match="card is damaged"):
        read_header(path)


def test_a_header_counts_the_weights_and_knows_a_changed_file(bundle):
    """Without torch; and a file that is replaced is read again."""
    opened = open_bundle(bundle)
    header = known_header(bundle)
    assert header.weights == sum(tensor.numel() for tensor in opened.weights.values())
    assert (header.lineage, header.revisions) == ((opened.sha256,), [])
    assert known_header(bundle) is header
    bundle.write_bytes(bundle.read_bytes() + b"\0")
    assert known_header(bundle).sha256 != header.sha256
    bundle.write_bytes((2**60).to_bytes(8, "little"))
    with pytest.raises(BundleError, match="longer than the file"):
        read_header(bundle)
