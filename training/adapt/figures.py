"""The outcome as JSON values, and as the rows of a table for people."""

from typing import Any

from ich_node.scoring.operating_point import Share
from training.adapt.outcome import Outcome
from training.adapt.sensitivity import Sensitivity


def figures_of(outcome: Outcome) -> dict[str, Any]:
    """For the card of the bundle and for programs."""
    return {
        "left_out_studies": len(outcome.negatives),
        "false_positive_studies": {
            "before": _as_json(outcome.false_before),
            "after": _as_json(outcome.false_after),
        },
        "false_points_per_study": {
            "before": round(outcome.points_before, 3),
            "after": round(outcome.points_after, 3),
        },
        "sensitivity": [
            {
                "of": each.name,
                "before": _as_json(each.before),
                "after": _as_json(each.after),
                "found_by_both": each.table.both,
                "lost": each.table.only_a,
                "gained": each.table.only_b,
            }
            for whole in outcome.sets
            for each in (whole, *whole.groups())
        ],
        "threshold": {
            "before": outcome.threshold_before,
            "after": outcome.threshold,
            "why": outcome.why_threshold,
        },
    }


def table_of(outcome: Outcome) -> list[tuple[str, str, str]]:
    """Rows of what, before, after. In brackets: 95 % interval."""
    rows = [
        (
            "left-out studies called positive",
            _words(outcome.false_before),
            _words(outcome.false_after),
        ),
        (
            "false points a study",
            f"{outcome.points_before:.2f}",
            f"{outcome.points_after:.2f}",
        ),
    ]
    for whole in outcome.sets:
        rows.append(_row(whole.name, whole))
        rows += [
            _row("  " + group.name.removeprefix(f"{whole.name}, "), group)
            for group in whole.groups()
        ]
    after = "none is safe" if outcome.threshold is None else f"{outcome.threshold:g}"
    return [*rows, ("threshold", f"{outcome.threshold_before:g}", after)]


def _row(name: str, each: Sensitivity) -> tuple[str, str, str]:
    return name, _words(each.before), _words(each.after)


def _words(share: Share) -> str:
    """As '36 of 40 (90 %, 77 to 96 %)'."""
    if not share.total:
        return "none"
    low, high = share.interval
    return (
        f"{share.right} of {share.total}"
        f" ({100 * share.value:.0f} %, {100 * low:.0f} to {100 * high:.0f} %)"
    )


def _as_json(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {
        "count": share.right,
        "of": share.total,
        "interval": [round(low, 4), round(high, 4)] if share.total else None,
    }
