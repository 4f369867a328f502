"""A site with series to look at: read, refused, of several frames, without maps, swept."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless

from ich_node.answer import Answer
from ich_node.ledger import Job
from tests.support.analysing import AnalysingNode
from tests.support.enhanced import to_enhanced
from tests.support.heads import ROOT, head_series
from tests.support.node import open_node
from tests.support.read_series import CONFIG
from tests.support.site import RunningSite, running_site

PRONE = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
READ, BONE, WITHOUT_MAP, FRAMES, COMPRESSED_FRAMES = 1, 2, 3, 4, 5
HOUR = timedelta(hours=1)


@contextmanager
def viewed_site(folder: Path, bundle: Path) -> Iterator[RunningSite]:
    """The jobs are numbered as above. READ: a prone head, compressed, named after a patient."""
    (folder / "config.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with open_node(folder, AnalysingNode, bundle=bundle) as node:
        _read(node, [_compressed(each) for each in prone_head()])
        _read(node, _series(2, head_series(ConvolutionKernel="BONE")))
        _read_by_an_earlier_version(node, _series(3, head_series()))
        # they still arrive
        node.receive([to_enhanced(_series(4, head_series()))], ready_in=HOUR)
        frames = to_enhanced(_series(5, head_series()), syntax=RLELossless)
        frames.SOPInstanceUID = f"{ROOT}5.2"
        node.receive([frames], ready_in=HOUR)
    with running_site(folder / "config.toml") as site:
        yield site


def prone_head() -> list[Dataset]:
    """The positions are those of the opposite corner."""
    datasets = head_series(
        PatientName="Zyxwv^Quentin", PatientID="ID-778899", ImageOrientationPatient=PRONE
    )
    for index, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = [103.2, 103.2, 10.0 * index]
    return datasets


def _compressed(dataset: Dataset) -> Dataset:
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    return dataset


def _series(number: int, datasets: list[Dataset]) -> list[Dataset]:
    for index, dataset in enumerate(datasets):
        dataset.StudyInstanceUID = f"{ROOT}{number}"
        dataset.SeriesInstanceUID = f"{ROOT}{number}.1"
        dataset.SOPInstanceUID = f"{ROOT}{number}.1.{index + 1}"
    return datasets


def _read(node: AnalysingNode, datasets: list[Dataset]) -> Job:
    job = node.receive(datasets)
    assert node.read_next()
    return job


def _read_by_an_earlier_version(node: AnalysingNode, datasets: list[Dataset]) -> None:
    node.receive(datasets)
    job = node.ledger.reading.claim(owner="old", now=node.clock.now, lease=HOUR, max_attempts=1)
    assert job is not None
    node.ledger.reading.finish(
        job,
        now=node.clock.now,
        answer=Answer.ABSENT,
        series_probability=0.1,
        bundle_sha256="b" * 64,
        results=[],
        destinations=[],
    )
