"""What a row of labels.csv is about: an image, a frame or a series of a folder; or why nothing."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from training.datasets.choose import Candidate, choose_series
from training.datasets.images import Image, ImageSeries
from training.datasets.label_table import LabelLine
from training.datasets.labelled import Skip
from training.datasets.near_names import NearNames

NO_FILE = "no such file or folder"
NO_IMAGE = "a path without a DICOM image"
NO_UID = {
    "slice": "a SOPInstanceUID that is not in the folder",
    "series_uid": "a SeriesInstanceUID that is not in the folder",
    "study_uid": "a StudyInstanceUID that is not in the folder",
}
SEVERAL = "a row about several studies"
TWO_THINGS = "a row that names two different things"
NO_FRAME = "a row without its frame"
UNREADABLE_STUDY = "a study without a series that can be read"
BOX_OUTSIDE = "a box outside its image"
BOX_WITHOUT_SLICE = "a box without its slice"
MOST_DIGITS_OF_A_NUMBER = 4  # of a slice or series, in place of a UID
ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?/")


class FitsNothing(Exception):
    """reason: the same for many rows; detail: of this one."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """series: its number in the list of series. image None: the whole series. frame: of a
    multi-frame object.
    """

    series: int
    image: Image | None = None
    frame: int | None = None


class LabelPlaces:
    """The images of a folder by path and by UID. root: the folder of the table. skipped: the files
    that `find_images` left out.
    """

    def __init__(
        self, groups: Sequence[ImageSeries], *, root: Path, folder: Path, skipped: Sequence[Skip]
    ) -> None:
        self._groups = groups
        self._roots = list(dict.fromkeys(os.path.abspath(each) for each in (root, folder)))
        self._left_out = {os.path.abspath(skip.what): skip for skip in skipped}
        self._by_path: dict[str, Place] = {}
        self._by_uid: dict[str, Place] = {}
        self._of_series: dict[str, list[int]] = defaultdict(list)
        self._of_study: dict[str, list[int]] = defaultdict(list)
        self._chosen: dict[tuple[int, ...], int | FitsNothing] = {}
        for number, group in enumerate(groups):
            self._of_series[group.series_instance_uid].append(number)
            self._of_study[group.study_instance_uid].append(number)
            for image in group.images:
                place = Place(series=number, image=image)
                self._by_path[os.path.abspath(image.path)] = place
                self._by_uid[image.sop_instance_uid] = place
        self.candidates: dict[int, Candidate] = {}
        """Of series that were chosen among those of their study."""
        self.worse: list[Skip] = []
        """The other series of these studies."""
        self.moved: dict[str, int] = defaultdict(int)
        """Beginnings of paths on another computer, and how many paths had them."""
        self.named: set[str] = set()
        """What the rows name; nothing of it is what another row meant."""

    def find(self, line: LabelLine) -> Place:
        """Raises FitsNothing."""
        place = self._most_exact(line)
        self._check_agreement(line, place)
        place = self._framed(line, place)
        if line.box:
            _check_box(line, place)
        return place

    def _most_exact(self, line: LabelLine) -> Place:
        if line.slice:
            if line.slice in self._by_uid:
                return self._by_uid[line.slice]
            raise self._no_uid("slice", line)
        if line.path:
            return self._at_path(line.path)
        key, known = (
            ("series_uid", self._of_series) if line.series_uid else ("study_uid", self._of_study)
        )
        numbers = known.get(line.series_uid or line.study_uid)
        if not numbers:
            raise self._no_uid(key, line)
        return Place(series=self._one_of(tuple(numbers)))

    def _no_uid(self, key: str, line: LabelLine) -> FitsNothing:
        wanted: str = getattr(line, key)
        if len(wanted) <= MOST_DIGITS_OF_A_NUMBER and wanted.isdigit():
            return FitsNothing(NO_UID[key], f"{wanted} is a number, not a UID")
        near = self._near_uids[key].nearest(wanted)
        words = [wanted] if line.what != wanted else []
        meant = [f"did you mean {near}?"] if near else []
        return FitsNothing(NO_UID[key], "; ".join(words + meant))

    def _at_path(self, text: str) -> Place:
        """Of a file or a folder."""
        plain = text.replace("\\", "/")
        for known in self._readings(plain):
            if known in self._by_path:
                return self._by_path[known]
            if known in self._in_folder:
                return Place(series=self._one_of(tuple(sorted(self._in_folder[known]))))
            if known in self._left_out:
                skip = self._left_out[known]
                words = f"the file is left out: {skip.reason}"
                raise FitsNothing(NO_IMAGE, f"{words}: {skip.detail}" if skip.detail else words)
            if os.path.exists(known):
                raise FitsNothing(NO_IMAGE)
        near = self._near_path(plain)
        raise FitsNothing(NO_FILE, f"did you mean {near}?" if near else "")

    def _readings(self, plain: str) -> Iterator[str]:
        """The places that a path may mean: below the table or the data set's folder; of an absolute
        path on another computer, the place with the longest end in common.
        """
        if not (absolute := ABSOLUTE.match(plain)):
            for root in self._roots:
                path = os.path.normpath(os.path.join(root, plain))
                yield path
                yield os.path.realpath(path)
            return
        if plain.startswith("/"):
            yield os.path.normpath(plain)
            yield os.path.realpath(plain)
        parts = [part for part in plain[absolute.end() :].split("/") if part]
        for first in range(len(parts)):
            for root in self._roots:
                path = os.path.normpath(os.path.join(root, *parts[first:]))
                if path in self._by_path or path in self._in_folder:
                    self.moved[plain[: plain.rfind("/".join(parts[first:]))]] += 1
                    yield path
                    return

    def _one_of(self, numbers: tuple[int, ...]) -> int:
        """The series that a row about these series is about: of one study, that which the node
        would read. Raises FitsNothing.
        """
        if len(numbers) == 1:
            return numbers[0]
        if numbers not in self._chosen:
            self._chosen[numbers] = self._choose(numbers)
        chosen = self._chosen[numbers]
        if isinstance(chosen, FitsNothing):
            raise chosen
        return chosen

    def _choose(self, numbers: tuple[int, ...]) -> int | FitsNothing:
        groups = [self._groups[number] for number in numbers]
        studies = {group.study_instance_uid for group in groups}
        patients = {group.patient_id for group in groups}
        if len(studies) > 1:
            return FitsNothing(SEVERAL, f"it holds {len(studies)} studies; write a row for each")
        if len(patients) > 1:
            words = f"its files have {len(patients)} PatientIDs: {', '.join(sorted(patients))}"
            return FitsNothing("a study or series of two patients", words)
        chosen, worse = choose_series(groups)
        if not chosen:
            words = "; ".join(f"{skip.what}: {skip.reason}" for skip in worse[:3])
            return FitsNothing(UNREADABLE_STUDY, words)
        self.worse += worse
        number = next(number for number in numbers if self._groups[number] is chosen[0].series)
        self.candidates[number] = chosen[0]
        return number

    def _check_agreement(self, line: LabelLine, place: Place) -> None:
        """The cells of a row name one thing. A path that is not there may be of another computer.
        Raises FitsNothing.
        """
        group = self._groups[place.series]
        for name, said, true in (
            ("SeriesInstanceUID", line.series_uid, group.series_instance_uid),
            ("StudyInstanceUID", line.study_uid, group.study_instance_uid),
        ):
            if said and said != true:
                raise FitsNothing(TWO_THINGS, f"its {name} is {true}, not {said}")
        if line.slice and line.path and place.image:
            path = os.path.abspath(place.image.path)
            other = next(
                (
                    known
                    for known in self._readings(line.path.replace("\\", "/"))
                    if known in self._by_path
                ),
                path,
            )
            if self._by_path[other] != place:
                raise FitsNothing(
                    TWO_THINGS, f"{line.slice} is {self._shown(path)}, and not {line.path}"
                )

    def _framed(self, line: LabelLine, place: Place) -> Place:
        """Raises FitsNothing."""
        if place.image is None:
            if line.frame is not None:
                raise FitsNothing(NO_FRAME, "it has a frame, but names no object")
            return place
        frames = place.image.frames
        if frames == 1:
            if line.frame not in (None, 1):
                raise FitsNothing(NO_FRAME, "the object has no frames")
            return place
        if line.frame is None:
            if len(self._groups[place.series].images) > 1:
                raise FitsNothing(NO_FRAME, f"the object has {frames} frames; say which")
            return Place(series=place.series)
        if line.frame > frames:
            raise FitsNothing(NO_FRAME, f"the object has {frames} frames, not {line.frame}")
        return Place(series=place.series, image=place.image, frame=line.frame)

    def _near_path(self, plain: str) -> str:
        """The same name in another folder or in other letters, or nearly the same name."""
        name = plain.rsplit("/", 1)[-1].casefold()
        same = self._by_name.get(name, [])
        if len(same) == 1:
            return same[0]
        return self._near_paths.nearest(plain)

    def _shown(self, path: str) -> str:
        """As the table would name it."""
        return os.path.relpath(path, self._roots[0])

    @cached_property
    def _in_folder(self) -> dict[str, set[int]]:
        """The series of each folder, those of the folders in it too."""
        numbers: dict[str, set[int]] = defaultdict(set)
        for path, place in self._by_path.items():
            numbers[os.path.dirname(path)].add(place.series)
        top = {*self._roots, *(os.path.dirname(root) for root in self._roots)}
        everywhere: dict[str, set[int]] = defaultdict(set)
        for of_files, series in numbers.items():
            inside = of_files
            while True:
                everywhere[inside] |= series
                if inside in top or inside == os.path.dirname(inside):
                    break
                inside = os.path.dirname(inside)
        return dict(everywhere)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Of the files that no row names."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path, place in self._by_path.items():
            if not self._is_named(path, place):
                paths[os.path.basename(path).casefold()].append(self._shown(path))
        return paths

    @cached_property
    def _near_paths(self) -> NearNames:
        files = [path for path, place in self._by_path.items() if not self._is_named(path, place)]
        return NearNames([self._shown(path) for path in (*files, *self._in_folder)])

    def _is_named(self, path: str, place: Place) -> bool:
        uid = place.image.sop_instance_uid if place.image else ""
        return uid in self.named or self._shown(path) in self.named

    @cached_property
    def _near_uids(self) -> dict[str, NearNames]:
        """Of the objects, series and studies that no row names."""
        known: dict[str, Iterable[str]] = {
            "slice": self._by_uid,
            "series_uid": self._of_series,
            "study_uid": self._of_study,
        }
        return {
            key: NearNames([uid for uid in uids if uid not in self.named])
            for key, uids in known.items()
        }


def _check_box(line: LabelLine, place: Place) -> None:
    """Raises FitsNothing."""
    box, image = line.box, place.image
    if image is None or box is None:
        raise FitsNothing(BOX_WITHOUT_SLICE, "it names a series or study; name the slice")
    if min(box.row0, box.column0) < 0 or box.row1 > image.rows or box.column1 > image.columns:
        raise FitsNothing(
            BOX_OUTSIDE,
            f"rows {box.row0:g} to {box.row1:g}, columns {box.column0:g} to {box.column1:g}; "
            f"the image has {image.rows} rows and {image.columns} columns",
        )
