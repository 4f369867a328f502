"""Whether what an operator or a reader wrote names the patient: the ledger names no patients."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import Job, Ledger
    from ich_node.spool import Spool


def patient_finder(ledger: "Ledger", spool: "Spool") -> "Callable[[Job, str], bool | None]":
    """Whether a text names the patient of a job; None where the files of the job were removed."""
    from ich_node.export.identifying import identifiers_of
    from ich_node.series.object_file import read_object

    def names_the_patient(job: "Job", text: str) -> bool | None:
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
