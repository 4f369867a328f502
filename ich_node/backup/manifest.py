"""What a backup says about itself: manifest.json, the last file of it that is written."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ich_node.errors import BackupError
from ich_node.spool import OBJECT_PATH

MANIFEST = "manifest.json"
LEDGER, CONFIG, SECRETS, BUNDLES = "ledger.sqlite", "config.toml", "secrets", "bundles"
RECORDS = "commissioning"  # as beside the spool
FORMAT = 1
RECORD = re.compile(rf"{RECORDS}/\d{{8}}-\d{{6}}-[0-9a-f]{{4}}\.(json|html)")
FILE = re.compile(
    rf"{re.escape(LEDGER)}|{re.escape(CONFIG)}|{SECRETS}/\d{{2,3}}-[\w.-]{{1,100}}|{RECORD.pattern}"
)
NEWER = "is of a newer ich-node; use that version"


def _is_ours(path: str) -> str:
    if not FILE.fullmatch(path):
        raise ValueError(f"{path!r} is no file of a backup")
    return path


def _is_object(path: str) -> str:
    if not OBJECT_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no object of a spool")
    return path


FilePath = Annotated[str, AfterValidator(_is_ours)]
ObjectPath = Annotated[str, AfterValidator(_is_object)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ManifestPart(BaseModel):
    """What is in a manifest. An unknown field is a mistake: the format has a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(ManifestPart):
    """In the folder of this backup."""

    path: FilePath
    sha256: Sha256
    size_bytes: int = Field(ge=0)


class SavedBundle(ManifestPart):
    """paths: where the ledger and the configuration look for it."""

    sha256: Sha256
    name: str
    paths: tuple[str, ...]


class SavedFile(ManifestPart):
    """A file that config.toml names. setting: which names it, as "[tls] key"."""

    setting: str
    path: str
    file: FilePath
    mode: int = Field(ge=0, le=0o777)


class SavedCounts(ManifestPart):
    """jobs, objects: rows of the ledger; not_read: jobs that wait for an answer; owed: results and
    messages that a destination has not got; files, size_bytes: of the spool.
    """

    jobs: int = Field(ge=0)
    objects: int = Field(ge=0)
    not_read: int = Field(ge=0)
    owed: int = Field(ge=0)
    files: int = Field(ge=0)
    size_bytes: int = Field(ge=0)


class Manifest(ManifestPart):
    """at: everything that was acknowledged before is in it. removed: objects that retention removed
    while they were copied; missing, damaged: those that the ledger needs, and the spool did not
    have, or with other bytes. environment: the names of variables that overrode config.toml.
    left_out: sentences.
    """

    format: Literal[1]
    name: str
    at: AwareDatetime
    ended_at: AwareDatetime
    version: str
    schema_version: str
    database: Literal["sqlite", "postgresql"]
    host: str
    spool: str
    search_key: str | None
    last_received_at: AwareDatetime | None
    counts: SavedCounts
    files: tuple[File, ...]
    bundles: tuple[SavedBundle, ...]
    secrets: tuple[SavedFile, ...]
    removed: tuple[ObjectPath, ...]
    missing: tuple[ObjectPath, ...]
    damaged: tuple[ObjectPath, ...]
    environment: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Everything that the ledger needed was copied."""
        return not self.missing and not self.damaged

    @property
    def bytes_of_files(self) -> int:
        return sum(each.size_bytes for each in self.files)


def read_manifest(folder: Path) -> Manifest:
    """Of the backup in this folder. Raises BackupError."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BackupError(f"{folder} has no {MANIFEST}: it is no whole backup") from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BackupError(f"{path} is damaged: it is no JSON") from error
    found = values.get("format") if isinstance(values, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise BackupError(f"{path} {NEWER}")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BackupError(f"{path} is damaged: {place}: {first['msg']}") from error


def is_record(path: str) -> bool:
    """Of a commissioning."""
    return RECORD.fullmatch(path) is not None


def name_of(at: datetime) -> str:
    """Sorts by time."""
    return f"{at:%Y%m%dT%H%M%SZ}"
