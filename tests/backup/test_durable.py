"""Files whose bytes are known by their hash."""

from pathlib import Path

from ich_node.backup.bundles import bundle_in, damaged_bundles
from ich_node.backup.durable import fault_of, write_file
from ich_node.backup.manifest import SavedBundle


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    """Also if the file system refuses to read it: no traceback."""
    path = tmp_path / "key"
    sha256 = write_file(path, b"right")
    assert fault_of(path, sha256) is None
    path.write_bytes(b"wrong")
    assert fault_of(path, sha256) == "is damaged: its bytes are not those of its hash"
    path.unlink()
    assert fault_of(path, sha256) == "is missing"
    path.mkdir()
    assert fault_of(path, sha256) == "cannot be read: Is a directory"


def test_a_bundle_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    saved = SavedBundle(name="ours", sha256="ab" * 32, paths=())
    path = bundle_in(tmp_path, saved.sha256)
    path.mkdir(parents=True)
    assert damaged_bundles([saved], tmp_path) == [
        f"bundle ours: {path} cannot be read: Is a directory"
    ]
