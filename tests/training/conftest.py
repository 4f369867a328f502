"""What several files of this room share: small pools of phantom slices, the commands, one trained
run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.support.training.short_runs import SHORT, SIZE_PX, TRAINING, VALIDATION
from training import commands, tuning_commands
from training.pool import make_pool

Call = Callable[..., Any]


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """On these small tensors torch's second thread mostly waits for the first, at full load."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A training and a validation pool: different heads of one chunk."""
    training, validation = (tmp_path_factory.mktemp(f"{name}-pool") for name in ("t", "v"))
    list(make_pool(training, 64, seed=0, workers=1, size_px=SIZE_PX))
    chunk = np.load(training / "chunk-00000.npy")
    np.save(training / "chunk-00000.npy", chunk[:TRAINING])
    np.save(validation / "chunk-00000.npy", chunk[TRAINING : TRAINING + VALIDATION])
    return training, validation


@pytest.fixture(scope="session")
def call() -> Call:
    """`ich-node` with training's commands alone, in this process."""
    app = typer.Typer()
    app.callback()(lambda: None)
    commands.add_to(app)
    tuning_commands.add_to(app)
    return lambda *arguments: CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )


@pytest.fixture(scope="session")
def trained(call: Call, pools: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run on phantoms."""
    out = tmp_path_factory.mktemp("run")
    answer = call("train", "run", pools[0], "--validation", pools[1], "--out", out, *SHORT)
    assert answer.exit_code == 0, answer.output
    return out
