"""What is kept of a run, beside the spool: its record while it goes on, and its report.

::

    <spool>/commissioning/<run>.json    what was tried so far
    <spool>/commissioning/<run>.html    the report, once it has ended
"""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ich_node.commission.checks import CheckOutcome, CommissioningCheck
from ich_node.errors import Unavailable

FOLDER = "commissioning"
RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
MOST_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class ObjectSent:
    """One result for one destination. seconds: from the last slice until it was delivered; None if
    it was not. listed: whether the PACS lists it; None if it was not asked.
    """

    destination: str
    kind: str
    sop_instance_uid: str
    state: str
    sent_at: datetime | None
    seconds: float | None
    listed: bool | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class RunTimes:
    """Seconds from the last slice; None if it did not come to that."""

    answer: float | None = None
    report: float | None = None
    last_result: float | None = None


@dataclass(kw_only=True)
class Record:
    """run: its name. way: how the phantom came: "direct", "through", "folder", "none". picture: a
    PNG in base64. removal: how the phantom gets out of the PACS. until: when it will have
    ended at the latest; ended_at: None while it goes on. waits_for: what is under way, in words.
    """

    run: str
    started_at: datetime
    who: str
    host: str
    version: str
    config_path: str
    own_ae_title: str
    way: Literal["direct", "through", "folder", "none"]
    route: str
    patient_name: str
    patient_id: str
    accession: str
    until: datetime
    ended_at: datetime | None = None
    waits_for: str = ""
    study_instance_uid: str = ""
    job_id: int | None = None
    bundle: str = ""
    is_demonstration: bool = False
    checks: list[CommissioningCheck] = field(default_factory=list)
    objects: list[ObjectSent] = field(default_factory=list)
    times: RunTimes = RunTimes()
    picture: str = ""
    removal: list[str] = field(default_factory=list)

    def goes_on(self, now: datetime) -> bool:
        """Or its process has ended without a word a short time ago."""
        return self.ended_at is None and now <= self.until

    @property
    def has_passed(self) -> bool:
        """Nothing that was tried has failed."""
        return self.ended_at is not None and not self.failed

    @property
    def failed(self) -> list[CommissioningCheck]:
        return [each for each in self.checks if each.outcome is CheckOutcome.FAILED]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many checks had each outcome."""
        return {each.value: sum(c.outcome is each for c in self.checks) for each in CheckOutcome}

    @property
    def is_complete(self) -> bool:
        """Nothing was left untried."""
        return not self.counts[CheckOutcome.NOT_TRIED]


_RECORD = TypeAdapter(Record)


class Records:
    """Of all runs of this node that are kept."""

    def __init__(self, spool: Path) -> None:
        """spool: its folder."""
        self._folder = spool / FOLDER

    def new_run(self, now: datetime) -> str:
        return f"{now.astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

    def save(self, record: Record) -> None:
        """Whole or not at all. Raises Unavailable."""
        self._write(f"{record.run}.json", _RECORD.dump_json(record))

    def save_report(self, run: str, html: str) -> Path:
        """Raises Unavailable."""
        return self._write(f"{run}.html", html.encode())

    def _write(self, name: str, data: bytes) -> Path:
        path, part = self._folder / name, self._folder / f".{name}.part"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            part.replace(path)
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from error
        return path

    def get(self, run: str) -> Record | None:
        """None if there is none of this name, or it cannot be read."""
        if not RUN.fullmatch(run):
            return None
        try:
            return _RECORD.validate_json((self._folder / f"{run}.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def report(self, run: str) -> bytes | None:
        if not RUN.fullmatch(run):
            return None
        try:
            return (self._folder / f"{run}.html").read_bytes()
        except OSError:
            return None

    def newest(self) -> Sequence[Record]:
        """The newest first."""
        names = sorted((path.stem for path in self._folder.glob("*.json")), reverse=True)
        found = (self.get(name) for name in names[:MOST_SHOWN])
        records = [record for record in found if record is not None]
        return sorted(records, key=lambda record: record.started_at, reverse=True)

    def remove_older(self, before: datetime) -> int:
        """How many files were removed."""
        removed = 0
        for path in [*self._folder.glob("*.json"), *self._folder.glob("*.html")]:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed
