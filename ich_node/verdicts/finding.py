"""The jobs that a row of a table, or a verdict of a message, is about."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ich_node.ledger import Job, Ledger
from ich_node.verdicts.table import Row


def job_finder(ledger: Ledger, search_key: Path) -> Callable[[Row], Sequence[Job]]:
    """search_key: [database] search_key, which finds accession numbers. Raises ConfigError."""
    key = ledger.search_keys.for_looking(search_key)

    def jobs_of(row: Row) -> Sequence[Job]:
        if row.key == "series_uid":
            return ledger.verdicts.jobs_of_series(row.value)
        if row.key == "study_uid":
            return ledger.verdicts.jobs_of_study(row.value)
        term = None if key is None else key.accession(row.value)
        series = [] if term is None else ledger.searching.by_accession(term)
        studies = sorted({job.study_instance_uid for job in series})
        return [job for uid in studies for job in ledger.verdicts.jobs_of_study(uid)]

    return jobs_of
