"""Statistics as one HTML file that needs nothing else: tables, and a picture of the scores."""

from collections.abc import Iterable, Sequence
from html import escape

from ich_node.dicom.identity import FOR_RESEARCH_USE
from ich_node.scoring.operating_point import Share
from ich_node.statistics.figures import Rate, Statistics
from ich_node.statistics.text import percent, share_text, times_text

WIDTH, HEIGHT, MARGIN = 600, 180, 24
STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;max-width:48em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{padding:.15em 1em .15em 0;"
    "text-align:right}td:first-child,th:first-child{text-align:left}th{font-weight:600}"
    ".drift{color:#a00;font-weight:600}svg text{font-size:11px}"
)


def page_of(found: Statistics, *, model: str) -> str:
    """model: its name."""
    days = f"{found.since.astimezone():%Y-%m-%d} to {found.until.astimezone():%Y-%m-%d}"
    outcomes = [
        (each.words, f"{each.series:,}", percent(each.series, found.series))
        for each in found.outcomes
    ]
    agreement = found.agreement
    shares: Sequence[tuple[str, Share]] = (
        ("sensitivity", agreement.sensitivity),
        ("specificity", agreement.specificity),
        ("positive predictive value", agreement.predictive),
    )
    drift_class = ' class="drift"' if found.drift.has_drifted else ""
    return "".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            f"<title>ich-node, {days}</title><style>{STYLE}</style></head><body>",
            f"<h1>{found.series:,} series, {days}</h1><p>{escape(FOR_RESEARCH_USE)}</p>",
            "<h2>Outcomes</h2>",
            _table(("outcome", "series", "share"), outcomes),
            "<h2>Positive series</h2>",
            _rates("source", found.sources),
            _rates("scanner", found.scanners),
            f"<h2>Time</h2><p>{escape(times_text(found.times))}</p>",
            f"<h2>Scores of {escape(model)}</h2>",
            f"<p{drift_class}>{escape(found.drift.sentence)}</p>",
            f"<p>Reference (line): {escape(found.drift.reference)}</p>",
            _picture(found.histogram, found.reference_histogram),
            "<h2>Verdicts of readers</h2>",
            f"<p>{agreement.series:,} series, {agreement.undetermined:,} of them undetermined</p>",
            _table(
                ("", "value (95 % interval)", "series"),
                [
                    (name, share_text(share), f"{share.right} of {share.total}")
                    for name, share in shares
                ],
            ),
            "</body></html>\n",
        ]
    )


def _rates(name: str, rates: Iterable[Rate]) -> str:
    rows = [
        (
            rate.name,
            f"{rate.positive.total:,}",
            f"{rate.positive.right:,}",
            percent(rate.positive.right, rate.positive.total),
        )
        for rate in rates
    ]
    return _table((name, "read", "positive", "rate"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _picture(recent: Sequence[float], earlier: Sequence[float]) -> str:
    """Shares of the series in each tenth of the scale: bars, and the reference as a line."""
    highest = max([*recent, *earlier, 1e-9])
    wide = (WIDTH - 2 * MARGIN) / len(recent)

    def height(share: float) -> float:
        return (HEIGHT - 2 * MARGIN) * share / highest

    bars = "".join(
        f'<rect x="{MARGIN + number * wide + 1:.1f}" y="{HEIGHT - MARGIN - height(share):.1f}"'
        f' width="{wide - 2:.1f}" height="{height(share):.1f}" fill="#7aa6d8"/>'
        for number, share in enumerate(recent)
    )
    points = " ".join(
        f"{MARGIN + (number + 0.5) * wide:.1f},{HEIGHT - MARGIN - height(share):.1f}"
        for number, share in enumerate(earlier)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img"'
        ' aria-label="distribution of the scores">'
        f'{bars}<polyline points="{points}" fill="none" stroke="#333" stroke-width="1.5"/>'
        f'<text x="{MARGIN}" y="{HEIGHT - 6}">0 %</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 6}" text-anchor="end">100 %</text></svg>'
    )
