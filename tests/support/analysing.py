"""A node that analyses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Literal

import torch
from pydicom import Dataset

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.analyse.loop import Analyser
from ich_node.config.destinations import Destination, DicomDestination
from ich_node.config.settings import AnalysisSettings, StudySettings
from ich_node.dicom.geometry import orientation_key, slice_position
from ich_node.ledger import Instance, Job
from ich_node.ledger.rows import SearchTerms
from ich_node.model.detector import Detector
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.report import ReportOptions
from ich_node.report.algorithm import algorithm_of_file
from ich_node.series.site_rules import SiteRules
from ich_node.study.teller import Teller
from tests.support.node import Node

STUDY = StudySettings()
OPTIONS = ReportOptions(max_overlays=2)
DESTINATIONS = tuple(
    DicomDestination(name=name, ae_title="PACS", host="127.0.0.1", port=104)
    for name in ("pacs", "archive")
)
MINUTE = timedelta(minutes=1)
DEVICE_LOST = torch.AcceleratorError(
    "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later"
)


@dataclass(kw_only=True)
class AnalysingNode(Node):
    """`receive` stores a series as the listener does."""

    bundle: Path
    study: StudySettings = STUDY
    destinations: Sequence[Destination] = DESTINATIONS
    active_bundle: ActiveBundle = field(init=False)
    analyser: Analyser = field(init=False)

    def __post_init__(self) -> None:
        self.active_bundle = ActiveBundle(ledger=self.ledger.activations, configured=self.bundle)
        self.analyser = self.make_analyser("first", self.clock)

    def make_analyser(self, owner: str, clock: Callable[[], datetime]) -> Analyser:
        return Analyser(
            ledger=self.ledger.reading,
            spool=self.spool,
            active_bundle=self.active_bundle,
            settings=AnalysisSettings(lease_seconds=60, max_attempts=2),
            study=self.study,
            options=OPTIONS,
            destinations=self.destinations,
            owner=owner,
            clock=clock,
            stop=self.stop,
        )

    def use_site_rules(self, rules: SiteRules) -> None:
        """[[rules]], from now on."""
        self.analyser = replace(self.analyser, site_rules=rules)

    def make_teller(self, refused: Literal["heads", "all", "none"] = "heads") -> Teller:
        """Of the process that sends."""
        return Teller(
            ledger=self.ledger.telling,
            spool=self.spool,
            settings=self.study,
            options=replace(OPTIONS, refused=refused),
            destinations=self.destinations,
            algorithm=lambda: algorithm_of_file(self.bundle),
        )

    def receive(
        self,
        datasets: list[Dataset],
        *,
        ready_in: timedelta = timedelta(0),
        urgent: bool = False,
        source: str = "modality",
    ) -> Job:
        for dataset in datasets:
            buffer = BytesIO()
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(buffer, enforce_file_format=True)
            self.receive_bytes(
                dataset, buffer.getvalue(), ready_in=ready_in, urgent=urgent, source=source
            )
        return self.job

    def receive_bytes(
        self,
        dataset: Dataset,
        data: bytes,
        *,
        ready_in: timedelta = timedelta(0),
        urgent: bool = False,
        source: str = "modality",
    ) -> None:
        stored = self.spool.put(data)
        is_placed = "ImagePositionPatient" in dataset
        instance = Instance(
            sop_instance_uid=str(dataset.SOPInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            study_instance_uid=str(dataset.StudyInstanceUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source=source,
            received_at=self.clock.now,
            orientation=orientation_key(dataset.ImageOrientationPatient) if is_placed else None,
            position_mm=slice_position(
                dataset.ImagePositionPatient, dataset.ImageOrientationPatient
            )
            if is_placed
            else None,
        )
        self.ledger.receiving.add(
            instance,
            ready_at=self.clock.now + ready_in,
            max_wait=timedelta(minutes=15),
            urgent=urgent,
            terms=self.terms_of(dataset),
        )

    def terms_of(self, _: Dataset) -> Callable[[], SearchTerms]:
        """What the series is found by: nothing."""
        return SearchTerms

    def read_next(self) -> bool:
        return self.analyser.read_next(Detector(self.active_bundle.current()))


def detector_that_raises(node: AnalysingNode, error: Exception) -> Detector:
    """The error comes out of the network's forward pass, as CUDA's errors do; there is no GPU here
    that could raise it.
    """
    bundle = node.active_bundle.current()
    engine = TorchEngine(bundle.network())

    def fail(*_: object) -> None:
        raise error

    engine.network.register_forward_pre_hook(fail)
    return Detector(bundle, engine)
