"""What a node made of a study, and whom it told."""

from ich_node.ledger import Job
from ich_node.notification import KIND, Notification, decode
from tests.support.analysing import AnalysingNode
from tests.support.heads import ROOT


def jobs_of(node: AnalysingNode) -> dict[int, Job]:
    """By series number, each in its newest revision."""
    return {
        int(job.series_instance_uid.removeprefix(f"{ROOT}2.")): job
        for job in reversed(node.ledger.operator.list())
    }


def answers_of(node: AnalysingNode) -> dict[int, str]:
    """By series number: the answer, or the state of a job without one."""
    return {
        number: str(job.answer or job.state.words).replace("_", " ")
        for number, job in jobs_of(node).items()
    }


def told(node: AnalysingNode) -> list[Notification]:
    """The notifications of all jobs, the oldest first."""
    return [decode(data) for _, data in _notifications(node)]


def told_to(node: AnalysingNode) -> list[set[str]]:
    """Who gets each of them."""
    return [
        {
            delivery.destination
            for job in node.ledger.operator.list()
            for delivery in node.ledger.operator.deliveries(job.id)
            if delivery.sop_instance_uid == uid
        }
        for uid, _ in _notifications(node)
    ]


def documents_of(node: AnalysingNode) -> list[str]:
    """The SRs, the oldest first."""
    return [
        result.path
        for job in reversed(node.ledger.operator.list())
        for result in node.ledger.operator.results(job.id)
        if result.kind == "sr"
    ]


def read_all(node: AnalysingNode) -> None:
    """All that is ready."""
    while node.read_next():
        pass


def _notifications(node: AnalysingNode) -> list[tuple[str, bytes]]:
    made = {
        delivery.sop_instance_uid: (delivery.id, delivery.path)
        for delivery in node.deliveries()
        if delivery.kind == KIND
    }
    in_order = sorted(made.items(), key=lambda item: item[1][0])
    return [(uid, node.spool.read(path)) for uid, (_, path) in in_order]
