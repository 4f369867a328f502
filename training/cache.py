"""Slices as serving reads them, on disk: decoded, checked and ordered once, then memory-mapped by
every training.

A folder with two files that only grow, one series at a time:

- `slices.bin`: for every slice the HU of the original matrix, bit for bit, and its padding mask (a
  bit per pixel);
- `index.jsonl`: a line for every series, written after its slices: their offsets and the brain
  shift, or the reason why there are none.

Nothing is resized or windowed, so one cache serves every preset, and `to_network_input` stays the
only preprocessing. Labels are not in the cache; they are joined when it is opened. A killed run
leaves at most an incomplete end, which the next run truncates.
"""

import fcntl
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ich_node.detection.brain_shift import brain_shift
from ich_node.detection.slabs import to_slabs
from ich_node.detection.upright import Turn, upright
from ich_node.series.series import Series
from training.datasets import LabelledSeries, Skip
from training.errors import DataError
from training.pool import BRAIN_HU
from training.predictions import load_or_skip
from training.presets import SLAB_MM
from training.workers import use_one_core

FORMAT_VERSION = 2
PIXELS, INDEX = "slices.bin", "index.jsonl"
UNREADABLE = "unreadable"  # the reason that `load_or_skip` gives
AHEAD = 2  # series a worker may be ahead of the writer

Entry = dict[str, Any]  # a line of the index


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A series on its way to the cache: its line and its bytes. Offsets count from the first of
    these bytes.
    """

    entry: Entry
    data: bytes


def fill_cache(
    folder: Path,
    labelled: Sequence[LabelledSeries],
    *,
    workers: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Add the series that are missing, and try the series again whose files could not be read.
    workers 0: read in this process.

    Raises DataError if the cache is damaged, in use or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        entries = _truncate_incomplete(folder)
        missing = [series for series in labelled if _wanted(entries.get(key_of(series)))]
        done = len(labelled) - len(missing)
        progress(done, len(labelled))
        with (folder / PIXELS).open("ab") as pixels, (folder / INDEX).open("ab") as index:
            for read in _read_all(missing, workers):
                _append(read, pixels=pixels, index=index, folder=folder)
                done += 1
                progress(done, len(labelled))


def open_entries(folder: Path) -> dict[str, Entry]:
    """The complete lines of the index, by key. Raises DataError if the index is damaged."""
    path = folder / INDEX
    try:
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        entries = [json.loads(line) for line in lines]
        stale = next((entry for entry in entries if entry["version"] != FORMAT_VERSION), None)
        by_key = {entry["key"]: entry for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({error!r}); delete {folder} and fill it again"
        ) from error
    if stale:
        raise DataError(
            f"{path} is of version {stale['version']}, this is {FORMAT_VERSION}; "
            f"delete {folder} and fill it again"
        )
    return by_key


def _wanted(entry: Entry | None) -> bool:
    """A refused series stays refused; an unreadable file may have been replaced."""
    return entry is None or entry.get("skip", [""])[0] == UNREADABLE


def key_of(series: LabelledSeries) -> str:
    """A hash of all slices, since slabs and the brain shift depend on the neighbours of a slice."""
    uids = sorted(slice_.sop_instance_uid for slice_ in series.slices)
    return hashlib.sha256(
        "\n".join([series.source, series.series_instance_uid, *uids]).encode()
    ).hexdigest()[:32]


def _read_all(labelled: Sequence[LabelledSeries], workers: int) -> Iterator[_Read]:
    """In the order of `labelled`; at most AHEAD series per worker wait in memory."""
    if not workers:
        yield from map(_read, labelled)
        return
    # `spawn`: a forked torch may hang on its parent's thread pool
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_initialise_worker
    ) as executor:
        remaining = iter(labelled)
        waiting: list[Future[_Read]] = [
            executor.submit(_read, series) for series in islice(remaining, AHEAD * workers)
        ]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting += [executor.submit(_read, series) for series in islice(remaining, 1)]
        except BrokenProcessPool as error:
            raise DataError(
                "a worker was killed, perhaps for memory; run again with fewer --workers: "
                "the cache is continued"
            ) from error


def _initialise_worker() -> None:
    """One core, and no warnings of pydicom: they quote values of patients, and the command line
    does not print them, either.
    """
    use_one_core()
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def _read(labelled: LabelledSeries) -> _Read:
    series = load_or_skip(labelled)
    line = {
        "version": FORMAT_VERSION,
        "key": key_of(labelled),
        "series": labelled.series_instance_uid,
    }
    if isinstance(series, Skip):
        return _Read(entry=line | {"skip": [series.reason, series.detail], "slices": []}, data=b"")
    slabs = to_slabs(series, SLAB_MM)
    line |= {
        "slab_mm": SLAB_MM,
        "brain_hu": BRAIN_HU,
        "shift_hu": brain_shift((slab.slice for slab in slabs), BRAIN_HU),
        "left_out": [[item.sop_instance_uid, item.reason] for item in series.left_out],
    }
    slices, data = _packed(series)
    return _Read(entry=line | {"slices": slices}, data=data)


def _packed(series: Series) -> tuple[list[dict[str, Any]], bytes]:
    """A description of every slice for the index, and the bytes of all: as the network sees them,
    in the direction of a supine head.
    """
    parts: list[bytes] = []
    slices = []
    offset = 0
    for original in series.slices:
        turn = Turn.of(original.image_orientation)
        slice_ = upright(original, turn)
        hu, padding = (
            np.ascontiguousarray(slice_.hu_YX).tobytes(),
            np.packbits(slice_.padding_YX).tobytes(),
        )
        slices.append(
            {
                "uid": slice_.sop_instance_uid,
                "at": offset,
                "shape": slice_.hu_YX.shape,
                "dtype": slice_.hu_YX.dtype.str,
                "spacing_mm": slice_.pixel_spacing_mm,
                "position_mm": slice_.position_mm,
                "turn": [turn.transposes, turn.flips_rows, turn.flips_columns],
            }
        )
        parts += [hu, padding]
        offset += len(hu) + len(padding)
        # Memory-mapped values are read in place, so every slice starts at a multiple of 8 bytes.
        parts.append(bytes(-offset % 8))
        offset += -offset % 8
    return slices, b"".join(parts)


def _append(read: _Read, *, pixels: BinaryIO, index: BinaryIO, folder: Path) -> None:
    """The line is written after the pixels that it describes have reached the disk."""
    start = pixels.seek(0, os.SEEK_END)
    entry = read.entry | {"start": start, "end": start + len(read.data)}
    try:
        for file, data in ((pixels, read.data), (index, json.dumps(entry).encode() + b"\n")):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(
            f"cannot write the cache {folder}: {error.strerror}; "
            "make room and run again: the cache is continued"
        ) from error


def _truncate_incomplete(folder: Path) -> dict[str, Entry]:
    """Remove what a killed run wrote after its last complete line; returns the entries."""
    entries = open_entries(folder)
    index, pixels = folder / INDEX, folder / PIXELS
    if index.exists():
        whole = index.read_bytes().rfind(b"\n") + 1
        os.truncate(index, whole)
    if pixels.exists():
        end = max((entry["end"] for entry in entries.values()), default=0)
        if pixels.stat().st_size < end:
            raise DataError(
                f"{pixels} is shorter than {index.name} says; delete {folder} and fill it again"
            )
        os.truncate(pixels, end)
    return entries


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time: two would mix their slices. Raises DataError if there is another."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"another run is filling the cache {folder}; wait for it, or give another --cache"
            ) from error
        yield
