"""The analyser's loop: claim a job, read its series, detect, report, finish. A Refusal is an answer; a crash is an attempt.

One transaction marks the job DONE, keeps its results and adds what is owed to each destination: a crash before it repeats the
work and makes the same objects (their UIDs and bytes follow from the input), a crash after it changes nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import structlog
import torch
from pydicom import Dataset

from ich_node import __version__
from ich_node.config import AnalysisSettings, Destination, ReportSettings
from ich_node.detection.detector import Detector, Reading
from ich_node.detection.series import Series, read_series
from ich_node.errors import BundleError, Refusal, ReportError
from ich_node.jobs import Job, Jobs, LeaseLost, Result
from ich_node.report import ReportOptions, ResultObject, Source, write_report
from ich_node.shelf import Shelf
from ich_node.spool import Spool

IDLE_SECONDS = 0.5
RETRY_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Stopping(Exception):
    """The process was asked to stop in the middle of a reading."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A Reading, the Series it was read from, and the DICOM objects that say so."""

    series: Series
    reading: Reading
    results: list[ResultObject]
