"""A node that has read two heads; a reader has marked two slices of the first one in the archive,
and there is a table of verdicts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ich_node.answer import Answer
from ich_node.ledger import SELECTION, Verdict
from tests.support.heads import ROOT, head_series
from tests.support.read_series import read_node

TABLE = """accession;bleeding;type;who;comment
CT-1071;yes;subdural;Dr. Lee;small
CT-1072;no;;Dr. Lee;
CT-1073;no;;Dr. Lee;
CT-1072;maybe;;Dr. Ray;
"""


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    (folder / "reads.csv").write_text(TABLE, encoding="utf-8")
    with read_node(folder) as node:
        for number, answer in ((71, Answer.PRESENT), (72, Answer.ABSENT)):
            uids = {"StudyInstanceUID": f"{ROOT}{number}", "SeriesInstanceUID": f"{ROOT}{number}.1"}
            slices = head_series(**uids, AccessionNumber=f"CT-10{number}")
            for index, each in enumerate(slices):
                each.SOPInstanceUID = f"{ROOT}{number}.1.{index + 1}"
            node.read(slices, answer=answer)
        node.ledger.verdicts.record(
            [
                Verdict(
                    job_id=1,
                    at=node.clock.now,
                    bleeding=True,
                    type="",
                    who="Roe^Ann",
                    origin=SELECTION,
                    origin_uid=f"{ROOT}71.9",
                    slices=f"{ROOT}71.1.6\n{ROOT}71.1.7",
                )
            ],
            by="pacs",
        )
        yield node.config
