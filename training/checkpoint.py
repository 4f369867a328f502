"""The checkpoint of a run: what is needed to continue it as if it had not been interrupted."""

import os
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from training.curves import CurvePoint
from training.errors import DataError
from training.training_run import TrainingRun, TrainingState


def save_checkpoint(
    run: TrainingRun,
    *,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    state: TrainingState,
) -> None:
    """Written beside the old one and renamed, so that a killed run leaves a whole checkpoint. Every
    process calls it; the first one writes.
    """
    sums = run.processes.gather(state.sums)
    if run.processes.is_first:
        content = {
            "settings": run.settings(),
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "state": {
                "step": state.step,
                "sums": np.sum(sums, axis=0).tolist(),
                "curve": [asdict(point) for point in state.curve],
                "best": state.best,
            },
        }
        temporary = run.checkpoint.with_suffix(".tmp")
        torch.save(content, temporary)
        os.replace(temporary, run.checkpoint)
    run.processes.barrier()


def load_checkpoint(
    run: TrainingRun, *, network: nn.Module, optimiser: torch.optim.Optimizer
) -> TrainingState:
    """Restore network, optimiser and state; without a checkpoint, the state of a new run.

    Raises DataError if the checkpoint is of a run with other settings.
    """
    if not run.checkpoint.exists():
        return TrainingState()
    content = torch.load(run.checkpoint, map_location=run.device, weights_only=True)
    settings = run.settings()
    differ = [name for name, value in content["settings"].items() if value != settings[name]]
    if differ:
        raise DataError(
            f"{run.checkpoint} is of a run with another {', '.join(differ)}; "
            "give the same again, or another --out for a new run"
        )
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    saved = cast("dict[str, Any]", content["state"])
    # The saved sums are those of all processes together, so one process alone restores them.
    sums = saved["sums"] if run.processes.is_first else [0.0, 0.0, 0.0]
    return TrainingState(
        step=saved["step"],
        sums=sums,
        curve=[CurvePoint(**point) for point in saved["curve"]],
        best=saved["best"],
    )
