"""Files and folders on disk -> series of datasets, for `ich-node read` and `explain`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Undecodable
from ich_node.series.attributes import uid_of
from ich_node.series.object_file import read_identity, read_object


@dataclass(frozen=True, kw_only=True)
class SeriesFiles:
    """The files of one series. A UID is '' if the objects have none."""

    series_instance_uid: str
    study_instance_uid: str
    paths: tuple[Path, ...]

    def datasets(self) -> list[Dataset]:
        return [_read(path) for path in self.paths]


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A file that is not a DICOM object."""

    path: Path
    reason: str


def find_series(paths: Sequence[Path]) -> tuple[list[SeriesFiles], list[Skipped]]:
    """Every DICOM file below the paths, grouped by series, the files in the order of their names.

    A DICOMDIR is not followed: its file references could point anywhere. Symbolic links inside
    folders are not followed.
    """
    grouped: dict[tuple[str, str], list[Path]] = defaultdict(list)
    skipped: list[Skipped] = []
    for path in _files(paths):
        try:
            header = _read(path, read_identity)
            identity = uid_of(header, "StudyInstanceUID"), uid_of(header, "SeriesInstanceUID")
        except InvalidDicomError:
            skipped.append(Skipped(path=path, reason="not a DICOM file"))
            continue
        except (Undecodable, *PARSING_ERRORS) as error:
            skipped.append(Skipped(path=path, reason=f"cannot be read ({error})"))
            continue
        grouped[identity].append(path)
    series = [
        SeriesFiles(
            study_instance_uid=study_uid, series_instance_uid=series_uid, paths=tuple(files)
        )
        for (study_uid, series_uid), files in grouped.items()
    ]
    return series, skipped


def _read(path: Path, read: Callable[[BinaryIO], Dataset] = read_object) -> Dataset:
    """A dataset; of a deflated file only the file meta information, because inflating it could take
    any amount of memory.
    """
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        unparsed = Dataset()
        unparsed.file_meta = meta
        return unparsed
    with path.open("rb") as file:
        return read(file)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file
                for file in path.rglob("*")
                if file.is_file() and not file.is_symlink() and file.name != "DICOMDIR"
            )
        else:
            yield path
