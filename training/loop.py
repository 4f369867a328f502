"""The training loop. A step depends on the seed and its number alone, so a run that was killed is
continued as if it had not been.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ich_node.model.network import MilNetwork, MilOutput
from training.bags import highest_of_bags
from training.checkpoint import load_checkpoint, save_checkpoint
from training.distributed import share_batch_norm
from training.errors import DataError
from training.losses import class_weights, map_loss, sharpened, slice_loss
from training.presets import rate_at
from training.raw_slices import RawBatch, RawSlices, batch_of
from training.samples import BatchSampler, Sample
from training.training_run import Trained, TrainingRun, TrainingState
from training.validation import predict, validate, validation_steps
from training.views import views
from training.workers import use_one_core

WARM_UP_STEPS = 30


class Report(Protocol):
    """Called after every step, and during a validation: the step, the number of steps, the status
    in a few words, and what a validation found.
    """

    def __call__(self, step: int, steps: int, status: str, event: str = "", /) -> None: ...


def train(run: TrainingRun, report: Report = lambda *_: None) -> Trained:
    """Train, or continue from the folder's checkpoint. An exception that report raises ends the
    run.
    """
    _check(run)
    torch.manual_seed(run.seed)
    network: MilNetwork = MilNetwork(run.preset.network)
    if run.start:
        network.load_state_dict(run.start)
    if run.processes.size > 1:
        share_batch_norm(network)
    network = network.to(device=run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    optimiser = torch.optim.Adam(
        network.parameters(),
        lr=rate_at(run.preset, 0),
        betas=run.preset.betas,
        weight_decay=run.preset.weight_decay,
    )
    state = load_checkpoint(run, network=network, optimiser=optimiser)
    model: nn.Module = (
        DistributedDataParallel(network, broadcast_buffers=False)
        if run.processes.size > 1
        else network
    )
    validated_after = validation_steps(run)
    validating = partial(_report_validating, report, run, state)
    predicted = None
    for raw in training_batches(run, state.step):
        samples = views(raw, run.preset, run.device)
        samples = highest_of_bags(samples, network, partial(pooled, run, state))
        take_step(run, model=model, optimiser=optimiser, samples=samples, state=state)
        state.step += 1
        report(state.step, run.steps, _status(run, state))
        if state.step in validated_after:
            predicted = predict(network, run.validation, run, validating)
            learning_rate = optimiser.param_groups[0]["lr"]
            point = validate(
                run,
                network=network,
                predicted=predicted,
                state=state,
                learning_rate=learning_rate,
            )
            report(state.step, run.steps, _status(run, state), point.in_words())
        if state.step in validated_after or state.step % run.checkpoint_steps == 0:
            save_checkpoint(run, network=network, optimiser=optimiser, state=state)
    if state.best is not None and run.preset.keep == "best accuracy":
        network.load_state_dict(state.best)
        predicted = None
    predicted = predicted or predict(network, run.validation, run, validating)
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    return Trained(weights=weights, predicted=predicted, curve=tuple(state.curve), steps=state.step)


def training_batches(run: TrainingRun, first_step: int) -> Iterable[RawBatch]:
    """This process's share of every batch, from first_step on."""
    sampler = BatchSampler(
        examples=run.training,
        batch=run.preset.batch,
        seed=run.seed,
        first_step=first_step,
        last_step=run.steps,
        rank=run.processes.rank,
        processes=run.processes.size,
    )
    return DataLoader(
        RawSlices(run.training, run.preset, seed=run.seed),
        batch_sampler=sampler,
        collate_fn=batch_of,
        num_workers=run.workers,
        pin_memory=run.device != "cpu",
        worker_init_fn=use_one_core,
    )


def take_step(
    run: TrainingRun,
    *,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    samples: Sample,
    state: TrainingState,
) -> None:
    """Learn from one batch; its losses are added to the state's sums."""
    preset = run.preset
    epoch = state.step / run.steps_an_epoch
    for group in optimiser.param_groups:
        group["lr"] = rate_at(preset, epoch, warm_up=min(1.0, (state.step + 1) / WARM_UP_STEPS))
    model.train()
    image_BCYX, label_B, mask_BYX = (
        tensor.to(run.device, non_blocking=True) for tensor in samples[:3]
    )
    image_BCYX = image_BCYX.contiguous(memory_format=torch.channels_last)
    amp = torch.autocast(run.device, dtype=torch.bfloat16) if run.device != "cpu" else nullcontext()
    with amp:
        output: MilOutput = model(image_BCYX)
    output = MilOutput(output.logit_B.float(), output.likelihood_BYX.float())
    loss, *parts = _losses(run, output, label_B=label_B, mask_BYX=mask_BYX, state=state)
    optimiser.zero_grad()
    loss.backward()
    if preset.clip_gradient:
        nn.utils.clip_grad_norm_(model.parameters(), preset.clip_gradient)
    optimiser.step()
    # float() waits for the GPU, so it comes last: earlier, the GPU would idle until the next step
    for place, value in enumerate((*parts, 1.0)):
        state.sums[place] += float(value)


def pooled(run: TrainingRun, state: TrainingState, output: MilOutput) -> Tensor:
    """The slice logit that is learned from: the network's own, or that of the preset's pooling,
    which takes the place of masks.
    """
    preset = run.preset
    if not preset.sharpening or preset.network.head != "max" or _learns_from_masks(run):
        return output.logit_B
    return sharpened(output, preset.sharpening, state.step / run.steps)


def _learns_from_masks(run: TrainingRun) -> bool:
    return run.preset.map_loss is not None and run.training.has_masks


def _losses(
    run: TrainingRun,
    output: MilOutput,
    *,
    label_B: Tensor,
    mask_BYX: Tensor,
    state: TrainingState,
) -> tuple[Tensor, Tensor, Tensor | float]:
    """The loss to minimise, and its parts: of the slices and of the maps.

    A map learns from masks only where it consists of logits, that is with the max head.
    """
    preset = run.preset
    weights = (
        class_weights(run.training.positive_in_epoch, run.training.in_epoch)
        if preset.class_weights
        else None
    )
    of_slices = slice_loss(pooled(run, state, output), label_B, weights)
    if preset.map_loss and run.training.has_masks and preset.network.head == "max":
        of_maps = map_loss(output.likelihood_BYX, mask_BYX, preset.map_loss)
        total = of_slices + preset.map_loss.weight * of_maps
        return total, of_slices.detach(), of_maps.detach()
    return of_slices, of_slices.detach(), 0.0


def _check(run: TrainingRun) -> None:
    """Raises DataError before the first step for what would fail later."""
    total, batch = run.training.in_epoch, run.preset.batch
    if total < batch:
        raise DataError(
            f"{total} training examples are fewer than a batch of {batch}; "
            "add data, or give --batch"
        )
    if batch % run.processes.size:
        raise DataError(
            f"a batch of {batch} cannot be shared by {run.processes.size} processes; "
            "give another --batch"
        )
    for name, examples in (("training", run.training), ("validation", run.validation)):
        if examples.positive in (0, examples.count):
            raise DataError(
                f"{examples.positive} of {examples.count} {name} slices bleed; "
                "both kinds are needed: add data, or divide it anew"
            )


def _status(run: TrainingRun, state: TrainingState) -> str:
    """E.g. epoch 1.34, loss 0.412 of slices, 0.120 of maps, validation AUC 0.912."""
    of_slices, of_maps, steps = state.sums
    parts = [f"epoch {state.step / run.steps_an_epoch:.2f}"]
    if steps:
        parts.append(f"loss {of_slices / steps:.3f}")
        if of_maps:
            parts[-1] += f" of slices, {of_maps / steps:.3f} of maps"
    if state.curve:
        parts.append(f"validation AUC {state.curve[-1].validation_auc:.3f}")
    return ", ".join(parts)


def _report_validating(
    report: Report, run: TrainingRun, state: TrainingState, done: int, total: int
) -> None:
    report(state.step, run.steps, f"validating {done:,} of {total:,} slices")
