"""The card of an adaptation in Markdown: what was done, the table, and what it does not show."""

from collections import Counter
from collections.abc import Sequence

from ich_node.dicom.identity import DEMONSTRATION_MODEL, FOR_RESEARCH_USE
from ich_node.model.bundle import Bundle
from training.adapt.figures import table_of
from training.adapt.measuring import Measured
from training.adapt.parts import Parts
from training.adapt.sensitivity import MOST_FALL
from training.adapt.studies import Study
from training.adapt.suspects import Sorted
from training.adapt.threshold import LEAST_TO_RISE

PICTURE, CALIBRATION = "left-out.png", "calibration.png"


def page_of(
    parent: Bundle,
    measured: Measured,
    *,
    title: str,
    sha256: str | None,
    parts: Parts,
    sorted_: Sorted,
) -> str:
    """sha256: of the bundle; None if none was written."""
    outcome = measured.outcome
    objections = outcome.objections()
    studies = [*parts.training, *parts.left_out]
    blocks = [
        f"# {title}",
        FOR_RESEARCH_USE + (f" **{DEMONSTRATION_MODEL}.**" if parent.demonstration else ""),
        "**No bundle was written:** " + "; ".join(objections) + "."
        if objections
        else f"sha256 {sha256}",
        f"{parent.name} {parent.sha256[:12]} has learned from {len(parts.training)} studies without"
        f" bleeding, with bleeds drawn into them, from phantoms, and from {len(parts.bleeding)}"
        f" positive studies. Nothing was learned from {len(parts.left_out)} other studies without"
        f" bleeding and {len(parts.bleeding_left_out)} positive ones, of other patients: they were"
        " measured with.",
        "## Before and after",
        _table(("", "before", "after"), table_of(outcome)),
        "In brackets: 95 % interval (Wilson; bleeds in one head are counted as if they were in"
        " several). A drawn bleed is found if a mark lies on it, on a slice at or above the"
        f" threshold. Threshold: {outcome.why_threshold}.",
        "## What this does not show",
        "* Drawn bleeds look like blood on CT, and are none. How many real bleeds are found, only"
        " real ones show: `ich-node model shadow`, `model compare` and the verdicts of"
        " radiologists.",
        *_cautions(parts),
        "## Studies",
        _table(("scanner, kernel, mm", "studies"), _protocols(studies)),
        _suspects(sorted_),
        "## Pictures",
        f"![left-out studies]({PICTURE})",
        f"![calibration on slices of left-out heads with drawn bleeds]({CALIBRATION})",
        "The first picture shows heads of patients: keep it where they may be kept.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cautions(parts: Parts) -> list[str]:
    left_out = len(parts.left_out)
    if left_out < LEAST_TO_RISE:
        threshold = (
            f"* {left_out} left-out studies say little about the tail of all negatives, as the"
            " interval shows. The threshold did not rise."
        )
    else:
        threshold = (
            "* The threshold was chosen on the left-out studies that it is measured on, so the"
            " share of false calls is a little too good."
        )
    return [
        threshold,
        f"* A fall of the sensitivity by up to {MOST_FALL} points on a set is accepted as chance.",
    ]


def _suspects(sorted_: Sorted) -> str:
    if not sorted_.doubtful:
        return ""
    rows = [(study.study_uid, f"{study.probability:.4f}") for study in sorted_.doubtful]
    return (
        "Not used, because they look positive and nobody has confirmed that they do not bleed:\n\n"
        + _table(("study", "probability before"), rows)
    )


def _protocols(studies: Sequence[Study]) -> list[tuple[str, str]]:
    counts = Counter(
        ", ".join(
            word or "not stated"
            for word in (each.protocol.scanner, each.protocol.kernel, each.protocol.slice_mm)
        )
        for each in studies
    )
    return [(words, str(count)) for words, count in counts.most_common()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
