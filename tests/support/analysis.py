"""An analyser with its own ledger and spool, whose clock stands still until a test moves it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import torch
from pydicom import Dataset

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.analyse.loop import Analyser
from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import AnalysisSettings
from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.ledger import Instance, Job, Ledger, open_ledger
from ich_node.model.bundle import pack_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.detector import Detector
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.model.network import MilNetwork, NetworkSpec
from ich_node.report import ReportOptions
from ich_node.spool import Spool

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DEVICE_LOST = torch.AcceleratorError(
    "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later"
)


def write_untrained_bundle(path: Path, *, size_px: int = 64) -> None:
    """Untrained weights that call everything positive, for tests in which the reading itself does
    not matter. The small input keeps the network quick.
    """
    spec = NetworkSpec(architecture="published", head="max")
    torch.manual_seed(1)
    card = Card(
        name="untrained",
        network_spec=spec,
        input=InputSpec(size_px=size_px),
        peak_rule=PeakRule(min_distance_px=64, min_likelihood=-100.0, min_prominence=0.0),
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=0.0),
        provenance=Provenance(source="a test", created="2026-01-01"),
        licence="Apache-2.0",
    )
    path.write_bytes(pack_bundle(card, dict(MilNetwork(spec).state_dict())))


class Bench:
    """`receive` stores a series as the listener does; `now` is the time on every clock here."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.now = START
        self.folder = folder
        self.ledger: Ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        self.spool = Spool(folder / "spool")
        self.stop = threading.Event()
        self.active_bundle = ActiveBundle(ledger=self.ledger.activations, configured=bundle)
        self.analyser = self.make_analyser("first", lambda: self.now)

    def make_analyser(self, owner: str, clock: Callable[[], datetime]) -> Analyser:
        return Analyser(
            ledger=self.ledger.reading,
            spool=self.spool,
            active_bundle=self.active_bundle,
            settings=AnalysisSettings(lease_seconds=60, max_attempts=2),
            options=ReportOptions(max_overlays=2),
            destinations=[
                DicomDestination(name=name, ae_title="PACS", host="127.0.0.1", port=104)
                for name in ("pacs", "archive")
            ],
            owner=owner,
            clock=clock,
            stop=self.stop,
        )

    def receive(
        self, datasets: list[Dataset], *, ready_in: timedelta = timedelta(0), urgent: bool = False
    ) -> Job:
        for dataset in datasets:
            buffer = BytesIO()
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(buffer, enforce_file_format=True)
            self.receive_bytes(dataset, buffer.getvalue(), ready_in=ready_in, urgent=urgent)
        return self.job

    def receive_bytes(
        self,
        dataset: Dataset,
        data: bytes,
        *,
        ready_in: timedelta = timedelta(0),
        urgent: bool = False,
    ) -> None:
        stored = self.spool.put(data)
        instance = Instance(
            sop_instance_uid=str(dataset.SOPInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            study_instance_uid=str(dataset.StudyInstanceUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source="modality",
            received_at=self.now,
        )
        self.ledger.receiving.add(
            instance, ready_at=self.now + ready_in, max_wait=timedelta(minutes=15), urgent=urgent
        )

    def read_next(self) -> bool:
        return self.analyser.read_next(Detector(self.active_bundle.current()))

    @property
    def job(self) -> Job:
        return self.ledger.operator.list()[0]


def detector_that_raises(bench: Bench, error: Exception) -> Detector:
    """The error comes out of the network's forward pass, as CUDA's errors do; there is no GPU here
    that could raise it.
    """
    bundle = bench.active_bundle.current()
    engine = TorchEngine(bundle.network())

    def fail(*_: object) -> None:
        raise error

    engine.network.register_forward_pre_hook(fail)
    return Detector(bundle, engine)
