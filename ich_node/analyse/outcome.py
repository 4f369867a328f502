"""What the reading of a job gave: an answer, or a refusal. Both are results and end the job."""

from collections.abc import Sequence
from dataclasses import dataclass

from ich_node.detection.reading import Reading
from ich_node.errors import Refusal
from ich_node.ledger import Result


@dataclass(frozen=True, kw_only=True)
class ReadJob:
    """The series was read. results: its objects and notification, in the spool."""

    reading: Reading
    results: Sequence[Result]


@dataclass(frozen=True, kw_only=True)
class RefusedJob:
    """The series is not ours to read. results: the documents that say so, in the spool, if any
    are wanted.
    """

    refusal: Refusal
    results: Sequence[Result]


Outcome = ReadJob | RefusedJob
