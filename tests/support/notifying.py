"""A node with readings whose notification is owed."""

from dataclasses import dataclass, replace
from datetime import timedelta

from pydicom.uid import ExplicitVRLittleEndian

from ich_node.answer import Answer
from ich_node.ledger import Instance, Job, Result
from ich_node.notification import KIND, Identifiers, Notification
from tests.support.notifications import WHO, notification
from tests.support.results import ROOT
from tests.support.sending import SendingNode

MINUTE = timedelta(minutes=1)


@dataclass(kw_only=True)
class NotifyingNode(SendingNode):
    """Its ledger and spool are filled as the analyser fills them."""

    def _claim(self, series: int = 1) -> Job:
        """Another object of the series arrives: its next revision."""
        number = (
            sum(
                job.series_instance_uid == f"{ROOT}{series}.0"
                for job in self.ledger.operator.list(limit=1000)
            )
            + 1
        )
        instance = Instance(
            sop_instance_uid=f"{ROOT}{series}.0.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_instance_uid=f"{ROOT}{series}",
            series_instance_uid=f"{ROOT}{series}.0",
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
            sha256=f"{series}.{number}",
            path=f"objects/00/{'0' * 64}.dcm",  # never read
            size_bytes=1,
            source="ct",
            received_at=self.clock.now,
        )
        self.ledger.receiving.add(instance, ready_at=self.clock.now, max_wait=MINUTE)
        job = self.ledger.reading.claim(
            owner="reader", now=self.clock.now, lease=MINUTE, max_attempts=3
        )
        assert job is not None
        return job

    def owe(
        self,
        *to: str,
        series: int = 1,
        positive: bool | None = True,
        replaces: str = "",
        identifiers: Identifiers = WHO,
    ) -> Notification:
        """A series was read (positive=None: refused), and these destinations get a notification."""
        job = self._claim(series)
        made = notification(series, revision=job.revision, positive=positive, replaces=replaces)
        made = replace(made, identifiers=identifiers)
        results, now = [self._keep(made)], self.clock.now
        if positive is None:
            reading, telling = self.ledger.reading, self.ledger.telling
            reading.refuse(job, now=now, reason="bone_kernel", detail="the kernel is 'H60s'")
            seen = telling.study(job.study_instance_uid)
            assert telling.told([job], seen=seen, now=now, by=job, results=results, notify=to)
        else:
            self.ledger.reading.finish(
                job,
                now=now,
                answer=Answer.PRESENT if positive else Answer.ABSENT,
                series_probability=0.97,
                bundle_sha256="b",
                results=results,
                destinations=(),
                notify=to,
            )
        return made

    def _keep(self, made: Notification) -> Result:
        stored = self.spool.put(made.encode(), suffix=".json")
        return Result(
            sop_instance_uid=made.uid,
            sop_class_uid="",
            kind=KIND,
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
        )

    def detail(self) -> str:
        """Why the only delivery waits."""
        (delivery,) = self.deliveries()
        return str(delivery.detail)
