"""The training loop. A step is a function of the seed and its number, so a run that was killed goes
on as if it had not been.
"""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset

from ich_node.model.network import MilNetwork, MilOutput
from ich_node.scoring.roc import area_under_curve
from training.curves import CurvePoint
from training.distributed import Ranks, share_batch_norm
from training.errors import DataError
from training.examples import Examples
from training.losses import class_weights, map_loss, sharpened, slice_loss
from training.presets import Preset, rate_at
from training.views import Augmented, Shares, View, Whole
from training.workers import use_one_core

WARM_UP_STEPS = 30
PREDICT_BATCH = 8
Weights = dict[str, Tensor]
Report = Callable[[int, int, str], None]  # step, of how many, and a few words


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Of every example: the slice logit, and the highest value of its map before upsampling."""

    logit_N: NDArray[np.float32]
    highest_N: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """weights: those that the preset keeps; the validation's answers are theirs."""

    weights: Weights
    predicted: Predicted
    curve: tuple[CurvePoint, ...]
    steps: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is trained on what.

    folder: where the checkpoint lies; it is written at least every checkpoint_steps. workers:
    processes that make views; 0 is this one. start: weights to begin with.
    """

    preset: Preset
    training: Examples
    validation: Examples
    folder: Path
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    checkpoint_steps: int = 200
    ranks: Ranks = field(default_factory=Ranks)
    start: Weights | None = None

    @property
    def steps_an_epoch(self) -> int:
        return len(self.training.label_N) // self.preset.batch

    @property
    def steps(self) -> int:
        return max(1, round(self.preset.epochs * self.steps_an_epoch))

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def settings(self) -> dict[str, Any]:
        """What must not differ between the parts of one run. How many processes and workers there
        are may.
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
class State:
    """All that changes from step to step."""

    step: int = 0
    # of the slice loss, the map loss, the steps
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    curve: list[CurvePoint] = field(default_factory=list)
    best: Weights | None = None


def train(run: Run, report: Report = lambda *_: None) -> Trained:
    """Train, or go on from the folder's checkpoint. report: called after every step; what it raises
    ends the run.
    """
    _check(run)
    torch.manual_seed(run.seed)
    network: MilNetwork = MilNetwork(run.preset.network)
    if run.start:
        network.load_state_dict(run.start)
    if run.ranks.count > 1:
        share_batch_norm(network)
    network = network.to(device=run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    optimiser = torch.optim.Adam(
        network.parameters(),
        lr=rate_at(run.preset, 0),
        betas=run.preset.betas,
        weight_decay=run.preset.weight_decay,
    )
    state = _restored(run, network, optimiser)
    model: nn.Module = (
        DistributedDataParallel(network, broadcast_buffers=False)
        if run.ranks.count > 1
        else network
    )
    checks = _checks(run)
    for view in views_of(run, state.step):
        take_step(run, model, optimiser, view, state)
        state.step += 1
        report(state.step, run.steps, _words(run, state))
        if state.step in checks:
            _validate(run, network, state, rate=optimiser.param_groups[0]["lr"])
        if state.step in checks or state.step % run.checkpoint_steps == 0:
            _save(run, network, optimiser, state)
    if state.best is not None and run.preset.keep == "best accuracy":
        network.load_state_dict(state.best)
    predicted = predict(network, run.validation, run)
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    return Trained(weights=weights, predicted=predicted, curve=tuple(state.curve), steps=state.step)


def predict(network: MilNetwork, examples: Examples, run: Run) -> Predicted:
    """Whole slices, as serving sees them; every process reads its share."""
    total, ranks = len(examples.label_N), run.ranks
    mine = Subset(Whole(examples, run.preset.input), range(ranks.rank, total, ranks.count))
    answers = []
    network.eval()
    with torch.inference_mode():
        for image_BCYX in DataLoader(
            mine, PREDICT_BATCH, num_workers=run.workers, worker_init_fn=use_one_core
        ):
            output = network(image_BCYX.to(device=run.device, memory_format=torch.channels_last))
            answers.append(
                torch.stack([output.logit_B, output.likelihood_BYX.amax(dim=(1, 2))]).cpu()
            )
    found = torch.cat(answers, dim=1).numpy() if answers else np.empty((2, 0), np.float32)
    merged = np.empty((2, total), np.float32)
    for rank, of_rank in enumerate(ranks.gather(found)):
        merged[:, rank :: ranks.count] = of_rank
    return Predicted(logit_N=merged[0], highest_N=merged[1])


def _check(run: Run) -> None:
    """Before the first step rather than after the last."""
    total, batch = len(run.training.label_N), run.preset.batch
    if total < batch:
        raise DataError(
            f"{total} training slices are fewer than a batch of {batch}; add data, or give --batch"
        )
    if batch % run.ranks.count:
        raise DataError(
            f"a batch of {batch} cannot be shared by {run.ranks.count} processes; give another --batch"
        )
    for name, examples in (("training", run.training), ("validation", run.validation)):
        positive = int(examples.label_N.sum())
        if positive in (0, len(examples.label_N)):
            raise DataError(
                f"{positive} of {len(examples.label_N)} {name} slices bleed; both kinds are needed: add data, or divide it anew"
            )


def views_of(run: Run, first_step: int) -> "DataLoader[View]":
    """This process's part of every batch from a step on."""
    shares = Shares(
        total=len(run.training.label_N),
        batch=run.preset.batch,
        seed=run.seed,
        first_step=first_step,
        last_step=run.steps,
        rank=run.ranks.rank,
        ranks=run.ranks.count,
    )
    dataset = Augmented(run.training, run.preset, seed=run.seed)
    return DataLoader(
        dataset,
        batch_sampler=shares,
        num_workers=run.workers,
        pin_memory=run.device != "cpu",
        worker_init_fn=use_one_core,
    )


def take_step(
    run: Run, model: nn.Module, optimiser: torch.optim.Optimizer, view: View, state: State
) -> None:
    """Learn from one batch; the losses are added to the state's sums."""
    preset = run.preset
    epoch = state.step / run.steps_an_epoch
    for group in optimiser.param_groups:
        group["lr"] = rate_at(preset, epoch, warm_up=min(1.0, (state.step + 1) / WARM_UP_STEPS))
    model.train()
    image_BCYX, label_B, mask_BYX = (tensor.to(run.device, non_blocking=True) for tensor in view)
    image_BCYX = image_BCYX.contiguous(memory_format=torch.channels_last)
    amp = torch.autocast(run.device, dtype=torch.bfloat16) if run.device != "cpu" else nullcontext()
    with amp:
        output: MilOutput = model(image_BCYX)
    output = MilOutput(output.logit_B.float(), output.likelihood_BYX.float())
    loss, parts = _loss(run, output, label_B, mask_BYX, share=state.step / run.steps)
    optimiser.zero_grad()
    loss.backward()
    if preset.clip_gradient:
        nn.utils.clip_grad_norm_(model.parameters(), preset.clip_gradient)
    optimiser.step()
    # looked at last: a GPU would stand still from here until the next step's first layer
    for place, value in enumerate((*parts, 1.0)):
        state.sums[place] += float(value)


def _loss(
    run: Run, output: MilOutput, label_B: Tensor, mask_BYX: Tensor, *, share: float
) -> tuple[Tensor, tuple[Tensor, Tensor | float]]:
    """The whole, and the slice's and the map's parts. Only a map of logits can learn from masks."""
    preset, head = run.preset, run.preset.network.head
    labels = run.training.label_N
    weights = class_weights(int(labels.sum()), len(labels)) if preset.class_weights else None
    if preset.map_loss and run.training.has_masks:
        of_slice = slice_loss(output.logit_B, label_B, weights)
        if head == "max":
            of_map = map_loss(output.likelihood_BYX, mask_BYX, preset.map_loss)
            return of_slice + preset.map_loss.weight * of_map, (of_slice.detach(), of_map.detach())
    elif preset.sharpening and head == "max":
        of_slice = slice_loss(sharpened(output, preset.sharpening, share), label_B, weights)
    else:
        of_slice = slice_loss(output.logit_B, label_B, weights)
    return of_slice, (of_slice.detach(), 0.0)


def _checks(run: Run) -> frozenset[int]:
    """The steps after which the validation is looked at; the last one always."""
    every = max(1, run.steps_an_epoch // run.preset.checks)
    return frozenset({*range(every, run.steps, every), run.steps})


def _validate(run: Run, network: MilNetwork, state: State, *, rate: float) -> None:
    """A point of the curve; the state of the best accuracy so far is kept."""
    predicted = predict(network, run.validation, run)
    label_N = run.validation.label_N
    sums = np.sum(run.ranks.gather(state.sums), axis=0)
    of_slice, of_map = (sums[:2] / max(1.0, sums[2])).tolist()
    point = CurvePoint(
        step=state.step,
        epoch=round(state.step / run.steps_an_epoch, 4),
        slices=state.step * run.preset.batch,
        learning_rate=rate,
        slice_loss=of_slice,
        map_loss=of_map,
        validation_loss=float(
            np.logaddexp(0, np.where(label_N, -predicted.logit_N, predicted.logit_N)).mean()
        ),
        validation_accuracy=float(((predicted.logit_N > 0) == label_N).mean()),
        validation_auc=area_under_curve(predicted.logit_N, label_N),
    )
    if point.validation_accuracy > max(
        (before.validation_accuracy for before in state.curve), default=-1.0
    ):
        state.best = {
            name: tensor.detach().clone() for name, tensor in network.state_dict().items()
        }
    state.curve.append(point)
    state.sums = [0.0, 0.0, 0.0]


def _words(run: Run, state: State) -> str:
    of_slice, _, steps = state.sums
    loss = f"loss {of_slice / steps:.3f}" if steps else ""
    auc = f", AUC {state.curve[-1].validation_auc:.3f}" if state.curve else ""
    return f"epoch {state.step / run.steps_an_epoch:.2f} {loss}{auc}"


def _save(run: Run, network: MilNetwork, optimiser: torch.optim.Optimizer, state: State) -> None:
    """Whole or not at all: a killed run leaves the checkpoint before."""
    sums = run.ranks.gather(state.sums)
    if run.ranks.first:
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
    run.ranks.wait()


def _restored(run: Run, network: MilNetwork, optimiser: torch.optim.Optimizer) -> State:
    """The checkpoint's state, or that of a new run."""
    if not run.checkpoint.exists():
        return State()
    content = torch.load(run.checkpoint, map_location=run.device, weights_only=True)
    settings = run.settings()
    differ = [name for name, value in content["settings"].items() if value != settings[name]]
    if differ:
        raise DataError(
            f"{run.checkpoint} is of a run with another {', '.join(differ)}; give the same again, or another --out for a new run"
        )
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    saved = cast("dict[str, Any]", content["state"])
    # The sums are of all processes: one takes them up, so that together they are what they were.
    sums = saved["sums"] if run.ranks.first else [0.0, 0.0, 0.0]
    return State(
        step=saved["step"],
        sums=sums,
        curve=[CurvePoint(**point) for point in saved["curve"]],
        best=saved["best"],
    )
