"""What one training is made of: its data and settings, what changes from step to step, and what it
gives.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.curves import CurvePoint
from training.distributed import ProcessGroup
from training.examples import Examples
from training.presets import Preset

Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Of every example: the slice logit, and the highest value of its map before upsampling."""

    logit_N: NDArray[np.float32]
    highest_N: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """weights: those that the preset keeps. predicted: their output for the validation slices."""

    weights: Weights
    predicted: Predicted
    curve: tuple[CurvePoint, ...]
    steps: int


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A preset, its data, and how the run is carried out.

    folder: of the checkpoint, which is written at least every checkpoint_steps. workers: processes
    that prepare the samples; 0: this process prepares them. start: weights to begin with.
    """

    preset: Preset
    training: Examples
    validation: Examples
    folder: Path
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    checkpoint_steps: int = 200
    processes: ProcessGroup = field(default_factory=ProcessGroup)
    start: Weights | None = None

    @property
    def steps_an_epoch(self) -> int:
        return self.training.in_epoch // self.preset.batch

    @property
    def steps(self) -> int:
        return max(1, round(self.preset.epochs * self.steps_an_epoch))

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def settings(self) -> dict[str, Any]:
        """What must be the same when a run is continued. The numbers of processes and workers may
        differ.
        """
        start = (
            None
            if self.start is None
            else float(sum(tensor.double().sum() for tensor in self.start.values()))
        )
        return {
            "preset": repr(asdict(self.preset)),
            "seed": self.seed,
            "training": self.training.digest,
            "validation": self.validation.digest,
            "start": start,
        }


@dataclass(kw_only=True)
class TrainingState:
    """All that changes from step to step.

    sums: of the slice loss, of the map loss, and the number of steps, since the last validation.
    best: the weights of the best validation accuracy so far.
    """

    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    curve: list[CurvePoint] = field(default_factory=list)
    best: Weights | None = None
