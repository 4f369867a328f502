"""A node that has read six series in the last days; the objects of one are removed, one answer was
taken back, and one series was read again before. A file new.safetensors has the other model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ich_node.ledger import NewReader, Wanted
from ich_node.model.bundle_file import read_header
from tests.support.second_model import HOUR, two_models


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    with two_models(folder) as node:
        again, _, swept, withdrawn, *_ = node.answer([0.97, 0.2, 0.4, 0.8, 0.1, 0.3])
        node.mark(swept, swept_at=datetime.now(UTC))
        node.mark(withdrawn, withdrawn_at=datetime.now(UTC))
        header = read_header(node.new)
        reader = NewReader(name=header.name, sha256=header.sha256, path=str(node.new))
        plan = node.ledger.rereading.plan(
            Wanted(job_ids=[again]), sha256=reader.sha256, deliver=False
        )
        node.ledger.rereading.ask(
            plan, reader, deliver=False, who="jo", now=node.first_at + 99 * HOUR
        )
        node.read_beside([0.4])
        yield node.config
