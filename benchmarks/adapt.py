"""Studies of one simulated scanner, to adapt a bundle to and to judge it on:
`python -m benchmarks.adapt make DIR`, then `ich-node adapt`, then
`python -m benchmarks.adapt judge DIR BEFORE AFTER`.

The scanner is an old one whose beam hardening is poorly corrected: cortex under the bone is denser
than the brain below, as a thin subdural bleed is. It has its own HU, noise, kernel and head holder.
No other phantom has all of them, and what is judged are heads that nothing was learned from.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.side_by_side import write_table
from ich_node.model.bundle_file import open_bundle
from ich_node.phantom import BLEED_KINDS, PhantomStudy, Scanner, make_study
from ich_node.scoring.counts import count_all
from ich_node.scoring.operating_point import Share
from training.datasets import read_dataset
from training.evaluate import Evaluation, evaluate
from training.terminal import progress_bar

OLD_SCANNER = Scanner(
    blur_mm=1.2,
    noise_hu=2.0,
    grain_mm=0.5,
    sharpened=0.0,
    cupping_hu=48.0,
    cupping_mm=11.0,
    petrous_band_hu=26.0,
    streak_hu=11.0,
    holder=True,
    holder_gap_mm=5.0,
    padding_hu=None,
    field_mm=112.0,
    motion=False,
)
ROWS = 256
GAIN, OFFSET_HU = 1.03, 9.0  # of its HU
PADDING_BELOW_HU = -1500
GREATEST_HU = 3071.0
NEGATIVES, POSITIVES = 24, 6  # to adapt with
JUDGED = 24  # of either kind, which `adapt` never sees
FIRST_SEED = 71_000
BLEEDS_A_HEAD = 2

app = typer.Typer(no_args_is_help=True)


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    negatives: int = NEGATIVES,
    positives: int = POSITIVES,
    judged: int = JUDGED,
) -> None:
    """Write DIR/negatives, DIR/positives and DIR/judged."""
    total = negatives + positives + 2 * judged
    with progress_bar("studies") as advance:
        for done, (place, study, is_judged) in enumerate(
            _studies(folder, negatives, positives, judged), start=1
        ):
            study.write(place, patient_id=place.name)
            if not is_judged:  # the data of a site say nothing about what is in them
                (place / "truth.json").unlink()
            advance(done, total)


@app.command()
def judge(
    folder: Annotated[Path, typer.Argument(metavar="DIR")], before: Path, after: Path
) -> None:
    """Both bundles on DIR/judged; writes a table to benchmarks/results."""
    bundles = [open_bundle(path) for path in (before, after)]
    labelled = read_dataset(folder / "judged", kind="phantom").series
    with progress_bar("reading studies") as advance:
        evaluations = evaluate(bundles, labelled=labelled, progress=advance)
    columns = [_column(evaluation) for evaluation in evaluations]
    rows = [[what, *(column[what] for column in columns)] for what in columns[0]]
    write_table(
        "adapt",
        "A bundle before and after it was adapted to one simulated scanner",
        ["", *(f"{bundle.name} {bundle.sha256[:8]}" for bundle in bundles)],
        rows,
        packages=["torch"],
    )
    for row in rows:
        typer.echo(" | ".join(row))


def old_study(seed: int, *, bleeds: int) -> PhantomStudy:
    """A head in the old scanner, with so many bleeds."""
    rng = np.random.default_rng([seed, 1])
    kinds = [BLEED_KINDS[index] for index in rng.permutation(len(BLEED_KINDS))[:bleeds]]
    study = make_study(seed, bleeds=kinds, rows=ROWS, tilt_deg=0.0, scanner=OLD_SCANNER)
    slices = tuple(replace(slice_, hu_YX=_in_its_hu(slice_.hu_YX)) for slice_ in study.slices)
    return replace(study, slices=slices)


def _in_its_hu(hu_YX: np.ndarray) -> np.ndarray:
    moved_YX = np.clip(np.rint(hu_YX * GAIN + OFFSET_HU), -1024, GREATEST_HU)
    return np.where(hu_YX < PADDING_BELOW_HU, hu_YX, moved_YX).astype(np.float32)


def _studies(
    folder: Path, negatives: int, positives: int, judged: int
) -> Iterator[tuple[Path, PhantomStudy, bool]]:
    seed = FIRST_SEED
    for name, count, bleeds in (
        ("negatives", negatives, 0),
        ("positives", positives, BLEEDS_A_HEAD),
        ("judged/negatives", judged, 0),
        ("judged/positives", judged, BLEEDS_A_HEAD),
    ):
        for _ in range(count):
            place = folder / name / f"study-{seed}"
            yield place, old_study(seed, bleeds=bleeds), name.startswith("judged")
            seed += 1


def _column(evaluation: Evaluation) -> dict[str, str]:
    threshold = evaluation.bundle.operating_point.threshold
    healthy = [each for each in evaluation.studies.values() if not each.label]
    bleeding = [each for each in evaluation.studies.values() if each.label]
    boxes = count_all(evaluation.scored)
    points = evaluation.points_on_negative_series
    return {
        "threshold": f"{threshold:g}",
        "studies without bleeding called positive": _share(
            sum(each.probability >= threshold for each in healthy), len(healthy)
        ),
        "false points a study without bleeding": f"{points / max(1, len(healthy)):.2f}",
        "studies with bleeding called positive": _share(
            sum(each.probability >= threshold for each in bleeding), len(bleeding)
        ),
        "boxes found": _share(boxes.tp, boxes.tp + boxes.fn),
        "false points in all": str(boxes.fp),
    }


def _share(right: int, total: int) -> str:
    found = Share(right=right, total=total)
    low, high = found.interval
    return f"{right} of {total} ({100 * low:.0f} to {100 * high:.0f} %)"


if __name__ == "__main__":
    app()
