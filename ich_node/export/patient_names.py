"""Whether what an operator or a reader wrote names the patient: the ledger names no patients."""

import io
from collections.abc import Callable

from ich_node.errors import ConfigError
from ich_node.export.identifying import identifiers_of
from ich_node.ledger import Job, Ledger
from ich_node.series.object_file import read_object
from ich_node.spool import Spool


def check_names_nobody(ledger: Ledger, spool: Spool, job: Job, comment: str) -> None:
    """Raises ConfigError if the comment names the patient of the job, or if nobody can say."""
    names_the_patient = patient_finder(ledger, spool)(job, comment)
    if names_the_patient is None:
        raise ConfigError(
            "a comment cannot be checked for the patient's name any more: the files of the series"
            " were removed; leave the comment out"
        )
    if names_the_patient:
        raise ConfigError("the comment names the patient; the ledger names no patients")


def patient_finder(ledger: Ledger, spool: Spool) -> Callable[[Job, str], bool | None]:
    """Whether a text names the patient of a job; None where the files of the job were removed."""

    def names_the_patient(job: Job, text: str) -> bool | None:
        instances = ledger.operator.instances(job)
        if not instances:
            return None
        first = instances[0]
        try:
            data = spool.read(first.path)
        except FileNotFoundError:
            return None
        header = read_object(io.BytesIO(data), sop_instance_uid=first.sop_instance_uid)
        values = identifiers_of([header])
        return values.found_in(text, but=values.descriptions) is not None

    return names_the_patient
