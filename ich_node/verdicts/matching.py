"""Rows of a table -> verdicts about jobs. Rows of one reader about one job are one verdict: a table
may have a line for each slice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ich_node.ledger import TABLE, Job, Verdict
from ich_node.verdicts.table import Mistake, Row


@dataclass(frozen=True, kw_only=True)
class Matched:
    """unmatched: the lines that are about no job. several: the lines about studies of which several
    series were read, each with its jobs.
    """

    verdicts: tuple[Verdict, ...]
    mistakes: tuple[Mistake, ...]
    unmatched: tuple[int, ...]
    several: dict[int, tuple[int, ...]]


def match(
    rows: Iterable[Row],
    *,
    jobs_of: Callable[[Row], Sequence[Job]],
    names_the_patient: Callable[[Job, str], bool | None],
    now: datetime,
    origin: str = TABLE,
    origin_uid: str | None = None,
) -> Matched:
    """jobs_of: the jobs that a row is about. names_the_patient: whether a text does; None if nobody
    can say, since the files of the job were removed. origin, origin_uid: of the verdicts.
    """
    said: dict[tuple[int, str], list[Row]] = defaultdict(list)
    mistakes: list[Mistake] = []
    unmatched: list[int] = []
    several: dict[int, tuple[int, ...]] = {}
    for row in rows:
        jobs = jobs_of(row)
        if not jobs:
            unmatched.append(row.line)
            continue
        if len({job.study_instance_uid for job in jobs}) > 1:
            words = f"its {row.key} is that of several studies; give the study_uid"
            mistakes.append(Mistake(line=row.line, words=words))
            continue
        if objection := _objection(row, jobs, names_the_patient):
            mistakes.append(Mistake(line=row.line, words=objection))
            continue
        if len(jobs) > 1:
            several[row.line] = tuple(job.id for job in jobs)
        for job in jobs:
            said[job.id, row.who].append(row)
    verdicts = []
    contradicting: dict[int, int] = {}
    for (job_id, _), of_reader in said.items():
        first = of_reader[0]
        other = next((row for row in of_reader if row.bleeding is not first.bleeding), None)
        if other is not None:
            contradicting |= {first.line: other.line, other.line: first.line}
        else:
            verdict = _verdict(job_id, of_reader, now)
            verdicts.append(replace(verdict, origin=origin, origin_uid=origin_uid))
    kind = "line" if origin == TABLE else "verdict"
    mistakes += [
        Mistake(line=line, words=f"{kind} {other} says otherwise about the same series and reader")
        for line, other in contradicting.items()
    ]
    return Matched(
        verdicts=tuple(verdicts),
        mistakes=tuple(sorted(mistakes, key=lambda mistake: mistake.line)),
        unmatched=tuple(unmatched),
        several=several,
    )


def _objection(
    row: Row, jobs: Sequence[Job], names_the_patient: Callable[[Job, str], bool | None]
) -> str:
    if not row.comment:
        return ""
    named = [names_the_patient(job, row.comment) for job in jobs]
    if True in named:
        return "its comment names the patient; the ledger names no patients"
    if None in named:
        return (
            "it has a comment, which cannot be checked for the patient's name any more: the files"
            " of the series were removed; leave the comment out"
        )
    return ""


def _verdict(job_id: int, rows: Sequence[Row], now: datetime) -> Verdict:
    types = dict.fromkeys(kind for row in rows for kind in row.types)
    return Verdict(
        job_id=job_id,
        at=now,
        bleeding=rows[0].bleeding,
        type=", ".join(types),
        who=rows[0].who,
        origin=TABLE,
        slices="\n".join(dict.fromkeys(uid for row in rows for uid in row.slices)),
        comment="; ".join(dict.fromkeys(row.comment for row in rows if row.comment)),
    )
