"""Statistics as lines for a terminal of 80 columns."""

from collections.abc import Iterable, Sequence

from ich_node.scoring.operating_point import Share
from ich_node.statistics.figures import Agreement, Rate, Statistics, Times

MOST_NAMES = 12
WIDEST_NAME = 44


def lines_of(found: Statistics, *, model: str) -> list[str]:
    """model: its name."""
    return [
        f"{_thousands(found.series)} series received from {found.since.astimezone():%Y-%m-%d} to"
        f" {found.until.astimezone():%Y-%m-%d}",
        "",
        *_table(
            (each.words, _thousands(each.series), percent(each.series, found.series))
            for each in found.outcomes
        ),
        "",
        *_rate_lines("source", found.sources),
        "",
        *_rate_lines("scanner", found.scanners),
        "",
        times_text(found.times),
        *_wrapped(f"scores of {model}: {found.drift.sentence}"),
        f"reference: {found.drift.reference}",
        *([] if not found.other_bundles else [_others(found.other_bundles)]),
        *agreement_lines(found.agreement),
        "",
        "For research use only.",
    ]


def times_text(times: Times) -> str:
    if not times.series:
        return "last slice to result: no times are known"
    return (
        f"last slice to result: median {_span(times.median)}, 95 % within {_span(times.most)}"
        f" ({_thousands(times.series)} series)"
    )


def agreement_lines(found: Agreement) -> list[str]:
    if not found.series:
        return ["verdicts: none yet (`ich-node verdicts import`)"]
    undetermined = f", {found.undetermined} of them undetermined" if found.undetermined else ""
    return [
        f"verdicts: {_thousands(found.series)} series{undetermined}",
        *_table(
            (name, share_text(share), f"{share.right} of {share.total}")
            for name, share in (
                ("sensitivity", found.sensitivity),
                ("specificity", found.specificity),
                ("positive predictive value", found.predictive),
            )
        ),
    ]


def share_text(share: Share) -> str:
    """With its interval of 95 %."""
    if not share.total:
        return "unknown"
    low, high = share.interval
    return f"{100 * share.value:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _rate_lines(name: str, rates: Sequence[Rate]) -> list[str]:
    rows = [(name, "read", "positive", "rate")]
    rows += [
        (
            rate.name[:WIDEST_NAME],
            _thousands(rate.positive.total),
            _thousands(rate.positive.right),
            percent(rate.positive.right, rate.positive.total),
        )
        for rate in rates[:MOST_NAMES]
    ]
    left_out = len(rates) - MOST_NAMES
    return [*_table(rows), *([f"and {left_out} more: --json has them"] if left_out > 0 else [])]


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The first column to the left, the others to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 80)


def _others(series: int) -> str:
    verb = "was" if series == 1 else "were"
    return f"{_thousands(series)} series {verb} read by other models; their scores are not compared"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _thousands(number: int) -> str:
    return f"{number:,}"
