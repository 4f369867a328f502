"""The network on the validation slices, during a training and after it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ich_node.model.network import MilNetwork
from ich_node.scoring.roc import area_under_curve
from training.bags import of_examples
from training.curves import CurvePoint
from training.examples import Examples
from training.samples import PlainSlices
from training.training_run import Predicted, TrainingRun, TrainingState
from training.workers import use_one_core

BATCH = 8
Progress = Callable[[int, int], None]  # slices that were read, and of how many


def predict(
    network: MilNetwork,
    examples: Examples,
    run: TrainingRun,
    progress: Progress = lambda *_: None,
) -> Predicted:
    """Slices as serving sees them, without augmentation; of a bag the highest. Every process reads
    its share and gets the results of all.
    """
    total, processes = len(examples.label_N), run.processes
    own = Subset(
        PlainSlices(examples, run.preset.input), range(processes.rank, total, processes.size)
    )
    outputs: list[Tensor] = []
    network.eval()
    with torch.inference_mode():
        for image_BCYX in DataLoader(
            own, BATCH, num_workers=run.workers, worker_init_fn=use_one_core
        ):
            output = network(image_BCYX.to(device=run.device, memory_format=torch.channels_last))
            outputs.append(
                torch.stack([output.logit_B, output.likelihood_BYX.amax(dim=(1, 2))]).cpu()
            )
            progress(min(total, len(outputs) * BATCH * processes.size), total)
    found = torch.cat(outputs, dim=1).numpy() if outputs else np.empty((2, 0), np.float32)
    merged = np.empty((2, total), np.float32)
    for rank, of_rank in enumerate(processes.gather(found)):
        merged[:, rank :: processes.size] = of_rank
    logit_N, highest_N = (of_examples(value_N, examples) for value_N in merged)
    return Predicted(logit_N=logit_N, highest_N=highest_N)


def auc_of_parts(examples: Examples, predicted: Predicted) -> dict[str, float]:
    """AUC of each part of a mixed validation, rounded to what a table shows."""
    return {
        name: round(area_under_curve(predicted.logit_N[own], examples.label_E[own]), 4)
        for name, own in examples.parts().items()
    }


def validation_steps(run: TrainingRun) -> frozenset[int]:
    """The steps after which the network is validated; the last step is always among them."""
    every = max(1, run.steps_an_epoch // run.preset.checks)
    return frozenset({*range(every, run.steps, every), run.steps})


def validate(
    run: TrainingRun,
    *,
    network: MilNetwork,
    predicted: Predicted,
    state: TrainingState,
    learning_rate: float,
) -> CurvePoint:
    """Add a point to the curve and return it, keep the weights if their accuracy is the best so
    far, and start the sums of the losses anew.
    """
    label_N = run.validation.label_E
    sums = np.sum(run.processes.gather(state.sums), axis=0)
    mean_slice_loss, mean_map_loss = (sums[:2] / max(1.0, sums[2])).tolist()
    point = CurvePoint(
        step=state.step,
        epoch=round(state.step / run.steps_an_epoch, 4),
        slices=state.step * run.preset.batch,
        learning_rate=learning_rate,
        slice_loss=mean_slice_loss,
        map_loss=mean_map_loss,
        validation_loss=float(
            np.logaddexp(0, np.where(label_N, -predicted.logit_N, predicted.logit_N)).mean()
        ),
        validation_accuracy=float(((predicted.logit_N > 0) == label_N).mean()),
        validation_auc=area_under_curve(predicted.logit_N, label_N),
        auc_of=auc_of_parts(run.validation, predicted),
    )
    best_before = max((before.validation_accuracy for before in state.curve), default=-1.0)
    if point.validation_accuracy > best_before:
        state.best = {
            name: tensor.detach().clone() for name, tensor in network.state_dict().items()
        }
    state.curve.append(point)
    state.sums = [0.0, 0.0, 0.0]
    return point
