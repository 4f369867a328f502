"""The received objects that a job covers."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.ledger import Instance, Job
from ich_node.report.uids import digest_of


@dataclass(frozen=True, kw_only=True)
class JobObjects:
    """One row of the ledger and one dataset per object, in the same order; none of a job whose
    objects are too large to be loaded. older: what came before under the same SOP Instance UIDs,
    oldest first.
    """

    job: Job
    instances: Sequence[Instance] = ()
    datasets: Sequence[Dataset] = ()
    older: Sequence[Dataset] = ()

    @property
    def digest(self) -> str:
        """One hash of all objects, whatever their order."""
        return digest_of(instance.sha256 for instance in self.instances)

    @property
    def sha256_of(self) -> dict[str, str]:
        """The hash of each object, by its SOP Instance UID."""
        return {instance.sop_instance_uid: instance.sha256 for instance in self.instances}
