"""What the demonstration removes from the folder that it is given."""

from pathlib import Path

import pytest

from ich_node.demo.play import WRITTEN_BY, remove_earlier


@pytest.mark.parametrize(
    ("config", "is_removed"),
    [(f"{WRITTEN_BY}; of an earlier run\n", True), ("[scp]\n", False), (None, False)],
)
def test_only_what_an_earlier_demonstration_left_is_removed(
    config: str | None, is_removed: bool, tmp_path: Path
) -> None:
    """A folder of the same name that somebody else made stays, and so does everything beside it."""
    for name in ("node", "phantom", "received", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    if config is not None:
        (tmp_path / "node" / "config.toml").write_text(config)
    remove_earlier(tmp_path)
    for name in ("node", "phantom", "received"):
        assert (tmp_path / name).exists() is not is_removed
    assert (tmp_path / "mine" / "file").exists()
