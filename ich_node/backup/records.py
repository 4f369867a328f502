"""Reports of commissionings: the files beside the spool, with their times, by which they expire."""

import os
from collections.abc import Iterator
from pathlib import Path

from ich_node.backup.durable import make_private, write_file
from ich_node.backup.manifest import RECORDS, Manifest, is_record


def save_records(spool: Path, built: Path) -> Iterator[str]:
    """Copy them; their paths in the backup."""
    for file in sorted((spool / RECORDS).glob("*")):
        path = f"{RECORDS}/{file.name}"
        if is_record(path):
            make_private(built / RECORDS)
            _copy(file, built / path)
            yield path


def restore_records(place: Path, manifest: Manifest, spool: Path) -> None:
    """Those that are not there. place: of the backup."""
    for each in manifest.files:
        if is_record(each.path) and not (spool / each.path).exists():
            make_private(spool / RECORDS)
            _copy(place / each.path, spool / each.path)


def _copy(source: Path, target: Path) -> None:
    write_file(target, source.read_bytes())
    status = source.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
