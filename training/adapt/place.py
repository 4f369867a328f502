"""Where and how the work is done."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from training.progress import Advance

Bar = Callable[[str], AbstractContextManager[Advance]]
TrainingBar = Callable[[], AbstractContextManager[Advance]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """folder: of what is needed until the end. It holds images of patients, and is deleted then.
    bar, training_bar: progress for people.
    """

    folder: Path
    seed: int
    device: str
    workers: int
    bar: Bar
    training_bar: TrainingBar
