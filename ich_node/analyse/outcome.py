"""What a claimed job came to: an answer, a refusal, another job that is read instead, a hold."""

from dataclasses import dataclass

from ich_node.analyse.results import Written
from ich_node.detection.reading import Reading
from ich_node.errors import Refusal
from ich_node.ledger import MapFile, Scan
from ich_node.series.site_rules import RuleOfSite
from ich_node.study.choice import Choice, SetAside, Telling


@dataclass(frozen=True, kw_only=True)
class ReadJob:
    """The series was read. written: its objects and notifications, in the spool; none if
    nobody is told. map_file: for people who look. scan: what statistics need of it.
    inference_seconds: from the objects to the answer; what a preview has read takes no time. rule:
    of the site, that decided that it is read.
    """

    reading: Reading
    choice: Choice
    telling: Telling
    written: Written
    map_file: MapFile
    scan: Scan
    inference_seconds: float
    rule: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefusedJob:
    """The series is not ours to read; the teller says so. scan: None if it could not be loaded."""

    refusal: Refusal
    scan: Scan | None


@dataclass(frozen=True, kw_only=True)
class JobSetAside:
    """Another job is read instead, or was."""

    instead: SetAside


@dataclass(frozen=True, kw_only=True)
class JobHeld:
    """A rule of the site holds the series back."""

    rule: RuleOfSite


Outcome = ReadJob | RefusedJob | JobSetAside | JobHeld
