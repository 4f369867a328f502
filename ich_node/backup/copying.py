"""Objects of the spool, into the folder of backups and back: what is there is not copied again, and
no object is kept whose bytes are not those of its name.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO, cast

from ich_node.backup.durable import CHUNK_BYTES
from ich_node.errors import BackupError, SpoolFull, Unavailable
from ich_node.spool import OBJECT_PATH, Spool, Suffix

Progress = Callable[[int], object]  # called with each number of bytes that were copied


class Copied(Enum):
    """What became of one object."""

    THERE = auto()
    """It was there before."""
    NEW = auto()
    GONE = auto()
    """The source has no such file."""
    DAMAGED = auto()
    """Its bytes are not those of its name."""


def copy_object(path: str, source: Path, target: Spool, progress: Progress) -> Copied:
    """path: in both; source: the folder of the other spool. Raises BackupError if the target cannot
    be written.
    """
    try:
        file = (source / path).open("rb")
        with file:
            size = file.seek(0, os.SEEK_END)
            if _is_there(target.absolute(path), size):
                return Copied.THERE
            file.seek(0)
            return _copy(file, path, target, progress)
    except FileNotFoundError:
        return Copied.GONE
    except OSError:  # of the source: what cannot be written is a BackupError
        return Copied.DAMAGED


def _copy(file: BinaryIO, path: str, target: Spool, progress: Progress) -> Copied:
    name = Path(path)
    with _writing(target), target.begin() as part:
        while chunk := file.read(CHUNK_BYTES):
            part.write(chunk)
            progress(len(chunk))
        if part.sha256 != name.stem:
            return Copied.DAMAGED
        part.keep(cast(Suffix, name.suffix))
        return Copied.NEW


@contextmanager
def _writing(target: Spool) -> Iterator[None]:
    try:
        yield
    except SpoolFull as error:
        raise BackupError(f"{target.folder} is full") from error
    except Unavailable as error:
        raise BackupError(f"{target.folder} cannot be written: {error.__cause__}") from error


def objects_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Path and size of every object; other files are none of ours."""
    for file in (folder / "objects").glob("*/*"):
        path = f"objects/{file.parent.name}/{file.name}"
        if OBJECT_PATH.fullmatch(path):
            try:
                yield path, file.stat().st_size
            except FileNotFoundError:  # retention has removed it
                continue


def bytes_to_copy(objects: Iterable[tuple[str, int]], target: Path) -> int:
    """Of those that the target does not have."""
    return sum(size for path, size in objects if not _is_there(target / path, size))


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
