"""An analyser that dies or hangs on a marked series, as from a bug in C or from the kernel."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom import Dataset

from ich_node.cli import main
from ich_node.series import hounsfield

MARK = "POISON"  # the SeriesDescription of the series
DEATHS: dict[str, Callable[[], object]] = {
    "aborts": os.abort,
    "is killed for its memory": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": lambda: threading.Event().wait(),
}


def run_poisoned_analyser(config: Path, death: str) -> None:
    """The real command in this process; only the decoder is another."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    decode = hounsfield.decode

    def decode_or_die(dataset: Dataset, *frame: Any) -> Any:
        if dataset.SeriesDescription == MARK:
            DEATHS[death]()
        return decode(dataset, *frame)

    hounsfield.decode = decode_or_die
    main(["--config", str(config), "analyse"])
