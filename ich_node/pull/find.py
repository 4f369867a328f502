"""The series of CT that a source has of what was asked. Its answers are checked: it may ignore a
key that it does not know, and answer with studies that nobody asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from pydicom.dataset import Dataset

from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.pull.archive import Matches, SourceSearch
from ich_node.pull.asked import Accession, Asked, Day, OneStudy
from ich_node.receive.negotiation import ACCEPTED_SOP_CLASSES

STUDY_KEYS = ("StudyInstanceUID", "StudyDate", "AccessionNumber", "ModalitiesInStudy")
SERIES_KEYS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesDescription",
    "BodyPartExamined",
    "ProtocolName",
    "NumberOfSeriesRelatedInstances",
)
IMAGE_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True, kw_only=True)
class Study:
    """date: None where the source does not say it."""

    uid: str
    date: date | None


@dataclass(frozen=True, kw_only=True)
class FoundSeries:
    """A CT series as the source describes it. images: None where it does not say how many."""

    study: Study
    uid: str
    description: str
    body_part: str
    protocol: str
    images: int | None


@dataclass(kw_only=True)
class FoundAtSource:
    """series: the newest study first. nothing_for: what no study was found for. strangers: matches
    that do not fit the question. doubts: sentences about answers that may not be whole.
    """

    series: list[FoundSeries] = field(default_factory=list)
    nothing_for: list[Asked] = field(default_factory=list)
    strangers: int = 0
    doubts: list[str] = field(default_factory=list)


def find_series(search: SourceSearch, asked: Sequence[Asked]) -> FoundAtSource:
    """All CT series of the studies that were asked for, each once. Raises PeerUnavailable."""
    found, studies = FoundAtSource(), dict[str, Study]()
    for one in asked:
        matches = search.find("STUDY", _study_query(one))
        _doubt(found, matches, one.words)
        fitting = [study for ds in matches.datasets if (study := _study(ds, one)) is not None]
        found.strangers += len(matches.datasets) - len(fitting)
        if not fitting and not isinstance(one, Day):
            found.nothing_for.append(one)
        studies.update({study.uid: study for study in fitting})
    for study in sorted(studies.values(), key=_newest_first):
        matches = search.find("SERIES", _series_query(study))
        _doubt(found, matches, f"study {study.uid}")
        of_study = [each for ds in matches.datasets if (each := _series(ds, study)) is not None]
        found.strangers += len(matches.datasets) - len(of_study)
        found.series += {each.uid: each for each in of_study}.values()
    return found


def count_images(search: SourceSearch, series: FoundSeries) -> int | None:
    """The images that this node takes, asked for one by one: a series may also have objects of
    other classes, and some sources do not count. None if the answer may not be whole.
    """
    query = _query(IMAGE_KEYS)
    query.StudyInstanceUID, query.SeriesInstanceUID = series.study.uid, series.uid
    matches = search.find("IMAGE", query)
    if matches.cut_off:
        return None
    return len(
        {
            str(ds.SOPInstanceUID)
            for ds in matches.datasets
            if text(ds, "SOPInstanceUID") and text(ds, "SOPClassUID") in ("", *ACCEPTED_SOP_CLASSES)
        }
    )


def text(ds: Dataset, keyword: str) -> str:
    """The values of an attribute, '' if it is missing."""
    value = ds.get(keyword)
    values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    return "\\".join(str(each).strip() for each in values if each is not None)


def _study_query(asked: Asked) -> Dataset:
    query = _query(STUDY_KEYS)
    query.ModalitiesInStudy = "CT"
    match asked:
        case Day():
            query.StudyDate = asked.day.strftime("%Y%m%d")
        case Accession():
            query.AccessionNumber = asked.number
            if not asked.number.isascii():
                query.SpecificCharacterSet = "ISO_IR 192"
        case OneStudy():
            query.StudyInstanceUID = asked.uid
    return query


def _study(ds: Dataset, asked: Asked) -> Study | None:
    """None if it is not what was asked for."""
    uid, modalities = text(ds, "StudyInstanceUID"), text(ds, "ModalitiesInStudy")
    day = _date(text(ds, "StudyDate"))
    match asked:
        case Day():
            fits = day == asked.day
        case Accession():
            # some sources take upper and lower case for the same
            fits = text(ds, "AccessionNumber").casefold() == asked.number.casefold()
        case OneStudy():
            fits = uid == asked.uid
    if not is_legal_uid(uid) or not fits or (modalities and "CT" not in modalities.split("\\")):
        return None
    return Study(uid=uid, date=day)


def _series_query(study: Study) -> Dataset:
    query = _query(SERIES_KEYS)
    query.StudyInstanceUID, query.Modality = study.uid, "CT"
    return query


def _query(keywords: Sequence[str]) -> Dataset:
    """Without a value they are asked for."""
    query = Dataset()
    for keyword in keywords:
        setattr(query, keyword, None)
    return query


def _series(ds: Dataset, study: Study) -> FoundSeries | None:
    """None if it is no CT series of this study. A source may leave the study's UID out: it was
    asked about this study.
    """
    uid, of_study = text(ds, "SeriesInstanceUID"), text(ds, "StudyInstanceUID")
    if not is_legal_uid(uid) or of_study not in ("", study.uid) or text(ds, "Modality") != "CT":
        return None
    return FoundSeries(
        study=study,
        uid=uid,
        description=text(ds, "SeriesDescription"),
        body_part=text(ds, "BodyPartExamined"),
        protocol=text(ds, "ProtocolName"),
        images=_count(text(ds, "NumberOfSeriesRelatedInstances")),
    )


def _count(written: str) -> int | None:
    return int(written) if written.isdecimal() and len(written) < 10 else None


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _doubt(found: FoundAtSource, matches: Matches, about: str) -> None:
    if matches.cut_off:
        found.doubts.append(f"{about}: {matches.cut_off}")


def _newest_first(study: Study) -> tuple[int, str]:
    return (-study.date.toordinal() if study.date else 0, study.uid)
