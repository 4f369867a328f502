"""Objects that the listener stores and that are bombs for a decoder. The whole node, as `ich-node
run`.
"""

import sys
import time
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.errors import TooLarge
from ich_node.ledger import Job, JobState
from ich_node.series.read import read_series
from ich_node.series.selection import MOST_SERIES_PIXELS
from tests.support.bombs import Bomb, bombs
from tests.support.heads import ROOT, head_slice
from tests.support.peers import CT, VERIFICATION, associated, by_deadline, pacs, wait_until
from tests.support.proc import children, footprint
from tests.support.running import NodeProcesses, running_node

pytestmark = pytest.mark.alone

DEADLINE_SECONDS = 10.0  # no peer waits longer for an association or a response
# torch alone takes most of what analyse has
MOST_MEMORY_MB = {"receive": 220, "analyse": 900, "send": 320}


def test_bombs_are_refused_by_name_and_the_next_series_is_read(tmp_path: Path) -> None:
    """Each is acknowledged, and refused by a reason in `jobs show`; business goes on, memory stays,
    a head is read at the end.
    """
    made = list(bombs())
    with pacs() as peer, running_node(tmp_path / "node", peer.port) as node:
        wait_until(
            lambda: set(children(node.process.pid)) == {"receive", "analyse", "send"},
            what="the three processes",
        )
        pids = children(node.process.pid)
        for bomb in made:
            send(node, bomb.datasets, str(bomb.transfer_syntax))
        send(node, good_head())
        took = []

        def all_ended() -> bool:
            took.append(by_deadline(lambda: business(node), seconds=DEADLINE_SECONDS))
            states = [
                job.state
                for job in node.ledger.operator.list()
                if ".77." not in job.series_instance_uid
            ]
            return len(states) == len(made) + 1 and not set(states) & {
                JobState.WAITING,
                JobState.READING,
            }

        wait_until(all_ended, seconds=240, what="the end of all series")
        assert children(node.process.pid) == pids, "a process died of it"
        peaks = {name: footprint(pid).peak_mb for name, pid in pids.items()}
        jobs = {job.series_instance_uid: job for job in node.ledger.operator.list(limit=200)}
        for bomb in made:
            assert_refused(node, jobs[bomb.datasets[0].SeriesInstanceUID], bomb)
        assert jobs[good_head()[0].SeriesInstanceUID].state is JobState.DONE
    sys.stdout.write(
        f"{len(made)} bombs, {len(took)} rounds, the slowest {max(took):.2f} s, peaks {peaks} MB\n"
    )
    assert all(peaks[name] < most for name, most in MOST_MEMORY_MB.items()), peaks


def assert_refused(node: NodeProcesses, job: Job, bomb: Bomb) -> None:
    assert (bomb.name, job.state, job.reason) == (bomb.name, JobState.REFUSED, bomb.reason)
    shown = (
        CliRunner()
        .invoke(app, ["--config", str(node.folder / "config.toml"), "jobs", "show", str(job.id)])
        .output
    )
    assert bomb.reason is not None
    assert bomb.reason in shown
    assert bomb.words in shown, f"{bomb.name}: {shown}"


def good_head() -> list[Dataset]:
    study = f"{ROOT}67.1"
    return [
        head_slice(
            index,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{index + 1}",
        )
        for index in range(12)
    ]


def send(
    node: NodeProcesses, datasets: list[Dataset], syntax: str = ExplicitVRLittleEndian
) -> None:
    """All of them are acknowledged: the listener reads the header only."""
    with associated(node.port, contexts=((CT, (syntax,)),)) as assoc:
        assert assoc.is_established
        assert [assoc.send_c_store(ds).Status for ds in datasets] == [0x0000] * len(datasets)


def business(node: NodeProcesses) -> float:
    """The seconds of a C-ECHO and a C-STORE."""
    began = time.monotonic()
    contexts = ((VERIFICATION, (ImplicitVRLittleEndian,)), (CT, (ExplicitVRLittleEndian,)))
    with associated(node.port, contexts=contexts) as assoc:
        assert assoc.send_c_echo().Status == 0x0000
        series = f"{ROOT}77.1"
        assert (
            assoc.send_c_store(
                head_slice(0, SeriesInstanceUID=series, SOPInstanceUID=f"{series}.1")
            ).Status
            == 0x0000
        )
    return time.monotonic() - began


def test_a_series_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    """Each slice may be as large as a slice can be; all together must fit into memory."""
    side, count = 2_048, MOST_SERIES_PIXELS // 2_048**2 + 1
    slices = [
        head_slice(
            index,
            count=count,
            Rows=side,
            Columns=side,
            PixelData=b"\x00\x00",
            ImagePositionPatient=[-110, -110, index],  # as thin as in a head of so many slices
        )
        for index in range(count)
    ]
    with pytest.raises(TooLarge, match="pixels in one series"):
        read_series(slices)
