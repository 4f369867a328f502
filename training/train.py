"""Train a bundle on phantoms: slice labels through the MIL head, and the free synthetic masks as an auxiliary map loss.

Slice labels alone send one gradient cell a slice through the max head, and learn nothing in an hour on a CPU; the masks of a
phantom cost nothing, and with them minutes suffice for dense clots. LOG.md holds what was tried and what came of it.

    python -m training.train pool  --out runs/pool --slices 8192
    python -m training.train fit   --pool runs/pool --validation runs/validation --out bundle.safetensors --minutes 30
"""

import csv
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from ich_node.detection.bundle import Calibration, Card, OperatingPoint, Provenance, pack_bundle
from ich_node.detection.network import MilNetwork, NetworkSpec
from ich_node.detection.peaks import PeakRule
from ich_node.detection.windows import BRAIN, HEAD, SUBDURAL, InputSpec, to_network_input
from training.augment import augment
from training.pool import BRAIN_HU, PIXEL_MM, Pool, as_slice, make_pool, open_pool

INPUT = InputSpec(channels=(HEAD, BRAIN, SUBDURAL), pixel_mm=PIXEL_MM, padding="air", slab_mm=5.0, brain_hu=BRAIN_HU)
NETWORK = NetworkSpec(architecture="published", head="max")
CROP_PX = 160
STRIDE = 8
LABEL_MIN_PX = 12  # fewer pixels of blood in the crop do not make it positive
CELL_POSITIVE = 0.2  # of a map cell's area; less, but some, is left out of the map loss
MAP_LOSS_WEIGHT = 3.0
MAP_POSITIVE_WEIGHT = 4.0
PEAK_LEARNING_RATE = 2.5e-3

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Augmented random crops: image_CYX and mask_YX. A fresh random stream per epoch and slice."""

    def __init__(self, pool: Pool, *, seed: int, crop_px: int) -> None:
        self.pool, self.seed, self.crop_px, self.epoch = pool, seed, crop_px, 0

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        hu_YX, mask_YX = augment(self.pool.hu_NYX[index], self.pool.mask_NYX[index], rng)
        image_CYX = to_network_input(as_slice(hu_YX), INPUT, shift_hu=float(self.pool.shift_N[index])).image_CYX
        row, column = rng.integers(0, INPUT.size_px - self.crop_px + 1, 2) // STRIDE * STRIDE
        window = np.s_[row : row + self.crop_px, column : column + self.crop_px]
        return torch.from_numpy(image_CYX[(slice(None), *window)].copy()), torch.from_numpy(mask_YX[window].astype(np.float32))


def map_loss(map_BYX: Tensor, mask_BYX: Tensor) -> Tensor:
    """Cross-entropy of every cell against the share of blood in it; cells with a little blood are neither."""
    share_BYX = functional.avg_pool2d(mask_BYX[:, None], STRIDE)[:, 0]
    positive_BYX = (share_BYX > CELL_POSITIVE).float()
    clear_BYX = ((share_BYX == 0) | (positive_BYX > 0)).float() * (1 + (MAP_POSITIVE_WEIGHT - 1) * positive_BYX)
    return functional.binary_cross_entropy_with_logits(map_BYX, positive_BYX, weight=clear_BYX)


def predict(network: MilNetwork, pool: Pool) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """logit_N and label_N of a whole pool at full view."""
    network.eval()
    logits = []
    with torch.inference_mode():
        for start in range(0, len(pool), 8):
            images = [
                to_network_input(as_slice(pool.hu_NYX[index]), INPUT, shift_hu=float(pool.shift_N[index])).image_CYX
                for index in range(start, min(start + 8, len(pool)))
            ]
            logits.append(network(torch.from_numpy(np.stack(images)).to(memory_format=torch.channels_last)).logit_B)
    return torch.cat(logits).numpy(), pool.mask_NYX.sum(axis=(1, 2)) >= LABEL_MIN_PX


def area_under_curve(logit_N: NDArray[np.float32], label_N: NDArray[np.bool_]) -> float:
    """The probability that a slice with blood scores above one without (Mann-Whitney)."""
    ranks_N = logit_N.argsort().argsort() + 1
    positives, negatives = int(label_N.sum()), int((~label_N).sum())
    return float((ranks_N[label_N].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibrate(logit_N: NDArray[np.float32], label_N: NDArray[np.bool_]) -> Calibration:
    """Platt scaling on the validation phantoms: the shift and temperature of least cross-entropy."""
    logit, label = torch.from_numpy(logit_N), torch.from_numpy(label_N.astype(np.float32))
    shift, log_temperature = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([shift, log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits((logit + shift) / log_temperature.exp(), label)
        loss.backward()
        return loss

    optimiser.step(closure)
    return Calibration(shift=round(float(shift), 4), temperature=round(float(log_temperature.exp()), 4))


def logit_at_specificity(logit_N: NDArray[np.float32], label_N: NDArray[np.bool_], specificity: float) -> float:
    """The logit that this share of the slices without blood stays below."""
    return float(np.quantile(logit_N[~label_N], specificity))


@app.command()
def pool(
    out: Annotated[Path, typer.Option(help="The folder of the pool.", file_okay=False)],
    slices: Annotated[int, typer.Option(min=64)] = 8192,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Make (or resume) a pool of phantom slices."""
    for _ in track(make_pool(out, slices, seed=seed, workers=workers), "phantom slices", total=-(-slices // 64) + 1):
        pass


@app.command()
def fit(
    pool: Annotated[Path, typer.Option(help="A pool to learn from.", exists=True, file_okay=False)],
    validation: Annotated[Path, typer.Option(help="A pool of another seed, for the thresholds.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="The bundle to write.", dir_okay=False)],
    minutes: Annotated[float, typer.Option(min=0.1)] = 30,
    seed: int = 0,
    batch: int = 16,
    start: Annotated[Path | None, typer.Option(help="Weights (.pt) of an earlier run to go on from.")] = None,
) -> None:
    """Train for some minutes and write a bundle; the curve goes beside it as CSV, the weights as .pt."""
    torch.manual_seed(seed)
    training_pool, validation_pool = open_pool(pool), open_pool(validation)
    network: MilNetwork = MilNetwork(NETWORK).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    if start:
        network.load_state_dict(torch.load(start, weights_only=True))
    curve = train(network, training_pool, validation_pool, minutes=minutes, seed=seed, batch=batch)
    torch.save(network.state_dict(), out.with_suffix(".pt"))
    with out.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerows([("seconds", "slices", "slice_loss", "map_loss", "validation_auc"), *curve])
    logit_N, label_N = predict(network, validation_pool)
    calibration = calibrate(logit_N, label_N)
    slice_logit = logit_at_specificity(logit_N, label_N, 0.95)
    threshold = round(calibration.probability(logit_at_specificity(logit_N, label_N, 0.98)), 4)
    card = Card(
        name="phantom-demonstration",
        network_spec=NETWORK,
        input=INPUT,
        peak_rule=PeakRule(
            min_distance_px=12,
            min_likelihood=round(slice_logit, 4),
            min_prominence=0.5,
            slice_gate=threshold,
        ),
        calibration=calibration,
        operating_point=OperatingPoint(threshold=threshold),
        provenance=Provenance(
            source="trained on synthetic phantoms alone (ich_node.phantom)",
            created=datetime.now(UTC).date().isoformat(),
            details={
                "slices_seen": curve[-1][1],
                "pool_slices": len(training_pool),
                "validation_slices": len(validation_pool),
                "validation_auc": round(area_under_curve(logit_N, label_N), 4),
                "seed": seed,
            },
        ),
        licence="Apache-2.0",
    )
    out.write_bytes(pack_bundle(card, dict(network.state_dict())))
    typer.echo(
        f"{out}: validation AUC {area_under_curve(logit_N, label_N):.3f}, "
        f"threshold {threshold}, T {slice_logit:.2f}, {calibration}"
    )


def train(
    network: MilNetwork, pool: Pool, validation: Pool, *, minutes: float, seed: int, batch: int
) -> list[tuple[float, int, float, float, float]]:
    """Adam with a cosine over the given time; rows of the curve: seconds, slices seen, losses, validation AUC."""
    crops = Crops(pool, seed=seed, crop_px=CROP_PX)
    optimiser = torch.optim.Adam(network.parameters(), lr=PEAK_LEARNING_RATE)
    began, seen, curve, budget = time.monotonic(), 0, [], minutes * 60
    while (elapsed := time.monotonic() - began) < budget:
        network.train()
        losses = []
        for image_BCYX, mask_BYX in DataLoader(crops, batch, shuffle=True, num_workers=1, drop_last=True):
            elapsed = time.monotonic() - began
            if elapsed > budget:
                break
            warm_up = min(1.0, (seen / batch + 1) / 30)
            for group in optimiser.param_groups:
                group["lr"] = PEAK_LEARNING_RATE * warm_up * 0.5 * (1 + np.cos(np.pi * min(1.0, elapsed / budget)))
            output = network(image_BCYX.to(memory_format=torch.channels_last))
            label_B = (mask_BYX.sum(dim=(1, 2)) >= LABEL_MIN_PX).float()
            slice_loss = functional.binary_cross_entropy_with_logits(output.logit_B, label_B)
            cells_loss = map_loss(output.likelihood_BYX, mask_BYX)
            optimiser.zero_grad()
            (slice_loss + MAP_LOSS_WEIGHT * cells_loss).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            seen += batch
            losses.append((slice_loss.item(), cells_loss.item()))
        crops.epoch += 1
        auc = area_under_curve(*predict(network, validation))
        mean_slice, mean_cells = np.mean(losses, axis=0)
        curve.append(
            (round(time.monotonic() - began, 1), seen, round(float(mean_slice), 4), round(float(mean_cells), 4), round(auc, 4))
        )
        typer.echo(
            f"{curve[-1][0]:.0f} s, {seen} slices: slice loss {mean_slice:.3f}, "
            f"map loss {mean_cells:.3f}, validation AUC {auc:.3f}"
        )
    return curve


if __name__ == "__main__":
    app()
