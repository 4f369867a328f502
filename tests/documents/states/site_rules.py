"""A node with rules: it holds a quality control phantom and has refused a perfusion. The folder
`incoming` has files of a series with a bone kernel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydicom import Dataset

from ich_node.config.load import load_config
from ich_node.model.bundle_file import shipped_bundle
from ich_node.model.detector import Detector
from ich_node.study.site_rules import site_rules
from tests.documents.states.empty import CONFIG
from tests.support.analysing import AnalysingNode
from tests.support.heads import ROOT, head_series
from tests.support.node import open_node
from tests.support.standing_clock import Clock

RULES = """
[[sources]]
name = "modality"
ae_title = "CT_ER"
[[sources]]
name = "old-ct"
ae_title = "CT_OLD"

[[rules]]
name = "perfusion"
action = "refuse"
reason = "perfusion is read by the stroke team"
description = "*perf*"

[[rules]]
name = "qa"
action = "hold"
quality_control_image = true

[[rules]]
name = "stroke"
action = "urgent"
calling = "CT_ER"
protocol = ["*stroke*", "*schlaganfall*"]

[[rules]]
name = "bone-kernel"
action = "read"
source = "old-ct"
kernel = "BONE"
"""


def series(number: int, **attributes: object) -> list[Dataset]:
    datasets = head_series(**attributes)
    for index, dataset in enumerate(datasets):
        dataset.StudyInstanceUID = f"{ROOT}{number}"
        dataset.SeriesInstanceUID = f"{ROOT}{number}.1"
        dataset.SOPInstanceUID = f"{ROOT}{number}.1.{index + 1}"
    return datasets


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder) + RULES, encoding="utf-8")
    rules = site_rules(load_config(path).config)
    (folder / "incoming").mkdir()
    for number, dataset in enumerate(series(9, ConvolutionKernel="BONE")):
        dataset.save_as(folder / "incoming" / f"{number:02}.dcm", enforce_file_format=True)
    clock = Clock()
    clock.now = datetime.now(UTC)
    with open_node(folder, AnalysingNode, bundle=shipped_bundle(), clock=clock) as node:
        node.use_site_rules(rules)
        node.receive(series(1, QualityControlImage="YES"))
        node.receive(series(2, SeriesDescription="Head perfusion"))
        detector = Detector(node.active_bundle.current())
        while node.analyser.read_next(detector):
            pass
    yield path
