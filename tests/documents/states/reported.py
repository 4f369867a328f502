"""A node that has reported three series to a PACS and a RIS. The files of the second one were
removed; the PACS has not been reached with the third one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from ich_node.answer import Answer
from ich_node.ledger import Result
from ich_node.spool import Stored
from tests.support.node import open_node
from tests.support.notifications import notification
from tests.support.notifying import MINUTE, NotifyingNode
from tests.support.results import result_object

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[[sources]]
name = "north-ct"
ae_title = "CT_NORTH"
hosts = ["10.1.0.0/16"]
[[sources]]
name = "south-pacs"
ae_title = "PACS_SOUTH"
hosts = ["10.2.0.5"]
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "10.1.2.3"
port = 104
sources = ["north-ct"]
[[destinations]]
name = "south"
ae_title = "PACS_SOUTH"
host = "10.2.0.5"
port = 104
return_to_sender = true
[[destinations]]
name = "ris"
kind = "hl7"
host = "10.1.2.9"
port = 2575
"""
OBJECTS = 3


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with open_node(folder, NotifyingNode) as node:
        report(node, series=1, answer=Answer.PRESENT)
        deliver(node, "pacs", "ris")
        report(node, series=2, answer=Answer.ABSENT)
        deliver(node, "pacs", "ris")
        for result in node.ledger.operator.results(2):
            node.spool.absolute(result.path).unlink()
        report(node, series=3, answer=Answer.ABSENT)
        deliver(node, "ris")
    yield path


def report(node: NotifyingNode, *, series: int, answer: Answer) -> None:
    job = node._claim(series)
    results = []
    for index in range(OBJECTS):
        dataset, file = result_object(index, series=series), BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        stored = node.spool.put(file.getvalue())
        results.append(_result(stored, "overlay", dataset.SOPInstanceUID, str(dataset.SOPClassUID)))
    made = replace(notification(series), series_answer=answer)
    stored = node.spool.put(made.encode(), suffix=".json")
    node.ledger.reading.finish(
        job,
        now=node.clock.now,
        answer=answer,
        series_probability=0.97,
        bundle_sha256="b",
        results=[*results, _result(stored, "notification", made.uid, "")],
        destinations=["pacs"],
        notify=["ris"],
    )


def deliver(node: NotifyingNode, *names: str) -> None:
    """What is owed to these; the others are never reached."""
    held = {"owner": "sender", "now": node.clock.now}
    priorities = dict.fromkeys(names, 9)
    for _ in names:
        batch = node.ledger.delivery.claim_deliveries(
            lease=MINUTE, limit=100, priorities=priorities, **held
        )
        assert batch[0].destination in names
        node.ledger.delivery.delivered([each.id for each in batch], **held)


def _result(stored: Stored, kind: str, uid: str, sop_class: str) -> Result:
    return Result(
        sop_instance_uid=uid,
        sop_class_uid=sop_class,
        kind=kind,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
