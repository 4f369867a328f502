"""The folder of a demonstration: one demonstration at a time, and nobody else's files."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ich_node.config.config import ENV_PREFIX
from ich_node.config.places import HOME_VARIABLE
from ich_node.demo.errors import DemoError
from ich_node.processes.beat_file import RUN_VARIABLE

MARK = ".demonstration"  # locked while one runs; a folder that has it was made by one
WRITTEN_BY = "# Written by `ich-node demo`"  # begins the config.toml of a demonstration
PARTS = ("node", "phantom", "received", "preview.png")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ANOTHER = "choose another folder: --out FOLDER"


@contextmanager
def demonstration_folder(out: Path) -> Iterator[Path]:
    """The folder as an absolute path, without what an earlier demonstration left there: its ledger
    knows the objects of the phantom, and the node would not read them again. Settings in the
    environment do not count in the block: they are those of another node.

    Raises DemoError if the folder cannot be used, or has files of these names that no
    demonstration made.
    """
    try:
        folder = out.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MARK).exists() and not _is_of_an_earlier_version(folder):
            _refuse_what_others_made(folder)
        descriptor = os.open(folder / MARK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        place = error.filename or out
        raise DemoError(f"cannot write {place}: {error.strerror}; {ANOTHER}") from error
    try:
        _lock(descriptor, folder)
        _remove(folder)
        with _without_settings():
            yield folder
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DemoError(f"no room in {folder}: {error.strerror}; {ANOTHER}") from error
    finally:
        os.close(descriptor)


def _is_of_an_earlier_version(folder: Path) -> bool:
    """These left no mark."""
    config = folder / "node" / "config.toml"
    return config.is_file() and config.read_text(encoding="utf-8").startswith(WRITTEN_BY)


def _refuse_what_others_made(folder: Path) -> None:
    for name in PARTS:
        if (folder / name).exists():
            raise DemoError(f"{folder / name} exists and is of no demonstration; {ANOTHER}")


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 20).decode(errors="replace").strip()
        raise DemoError(
            f"another demonstration runs in {folder} (process {pid}); end it, or {ANOTHER}"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())


def _remove(folder: Path) -> None:
    for name in PARTS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def _without_settings() -> Iterator[None]:
    places = (HOME_VARIABLE, RUN_VARIABLE)
    names = [name for name in os.environ if name.startswith(ENV_PREFIX) or name in places]
    kept = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(kept)
