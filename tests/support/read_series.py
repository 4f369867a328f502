"""A node whose series were read, without a network: for `jobs export` and `verdicts import`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pydicom import Dataset
from typing_extensions import override

from ich_node.answer import Answer
from ich_node.ledger import Job
from ich_node.ledger.rows import SearchTerms
from tests.support.analysing import AnalysingNode
from tests.support.node import open_node

LEASE = timedelta(minutes=1)
CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""


class ReadNode(AnalysingNode):
    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @override
    def terms_of(self, dataset: Dataset) -> Callable[[], SearchTerms]:
        path = self.folder / "search.key"
        key = self.ledger.search_keys.for_receiving(path, now=self.clock.now)
        terms = SearchTerms(accession_hmac=key.accession(str(dataset.AccessionNumber)))
        return lambda: terms

    def read(self, datasets: list[Dataset], *, answer: Answer = Answer.PRESENT) -> Job:
        """The series arrives and is read."""
        self.receive(datasets)
        job = self.ledger.reading.claim(
            owner="reader", now=self.clock.now, lease=LEASE, max_attempts=3
        )
        assert job is not None
        self.ledger.reading.finish(
            job,
            now=self.clock.now,
            answer=answer,
            series_probability=0.9,
            bundle_sha256="b" * 64,
            results=[],
            destinations=[],
        )
        read = self.ledger.operator.get(job.id)
        assert read is not None
        return read


@contextmanager
def read_node(folder: Path) -> Iterator[ReadNode]:
    """With a config.toml in the folder."""
    (folder / "config.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with open_node(folder, ReadNode, bundle=folder / "none.safetensors") as node:
        yield node
