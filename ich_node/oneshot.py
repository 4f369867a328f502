"""One series from files: the node's answer as a document, a sentence, DICOM objects and a picture."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ich_node.analyse import analyse_series
from ich_node.detection.detector import Detector, Reading
from ich_node.errors import Refusal, ReportError
from ich_node.folder import SeriesFiles
from ich_node.report import ResultObject
