"""The figures of judged bundles as Markdown: the table of goals, and what is behind it."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any

from benchmarks.judged_series import PARTS
from benchmarks.judgement import SMALL_CM2
from training.errors import DataError

Figures = Mapping[str, Any]
Cell = Callable[[Figures], str]
NOT_MEASURED = "–"
LINE = 140  # characters of prose in a document, at most
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"  # in a document, around the tables


def into_document(page: str, text: str) -> str:
    """The page with the text between its two marks. Raises DataError if it has not both."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError(f"the page has not both {BEGIN} and {END}")
    lines = (
        line if line.startswith("|") else fill(line, LINE, break_on_hyphens=False)
        for line in text.strip().splitlines()
    )
    return f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def tables(bundles: Sequence[Figures]) -> str:
    """bundles: the figures of each, as `shipped_bundle` measures them."""
    parts = [_goals(bundles)]
    if any("development" in of for of in bundles):
        parts.append(_series([of for of in bundles if "development" in of]))
    for part in PARTS:
        of_part = [of for of in bundles if part in of.get("tissue", {})]
        if of_part:
            parts += [_patients(of_part, part), _calibration(of_part, part)]
    return "\n\n".join(parts) + "\n"


def _goals(bundles: Sequence[Figures]) -> str:
    test = "patients left out (test)"
    rows: list[tuple[str, str, Cell]] = [
        ("threshold, p", "", lambda of: f"{of['threshold']:.4f}"),
        ("development series: pairs in order", "8 of 8", _dev(lambda d: _of(d["pairs"]))),
        (
            "development series: positives above the threshold",
            "4 of 4",
            _dev(lambda d: _of(d["positives_found"])),
        ),
        ("marks on positives", "", _dev(lambda d: str(d["marks_on_positives"]))),
        ("marks on positives that lie on blood, by eye", "70 %", _judged),
        ("points on the two negatives", "0", _dev(lambda d: str(d["points_on_negatives"]))),
        (
            "highest negative below the threshold by, log-odds",
            "1.5",
            _dev(lambda d: _signed(d["margin_logit"])),
        ),
        ("the same, p", "", _dev(lambda d: _signed(d["margin_p"]))),
        ("expert boxes hit on the boxed slices", "5 of 5", _dev(_boxes)),
        (f"{test}: found", "all", _tissue("test", lambda t: _of(t["found"]))),
        (f"{test}: found as a stack", "", _tissue("test", lambda t: _of(t["found_as_stack"]))),
        (f"{test}: with a mark in a box", "all", _tissue("test", lambda t: _of(t["marked"]))),
        (
            f"{test}: slices with small extradurals found",
            "all",
            _tissue("test", lambda t: _of(t["small_extradurals_found"])),
        ),
        (f"{test}: slices found", "", _tissue("test", lambda t: _share(t["slices_found"]))),
        (
            f"{test}: clean halves below the threshold",
            "95 %",
            _tissue("test", lambda t: _share(t["halves_below"])),
        ),
        (
            f"{test}: points on clean halves",
            "",
            _tissue("test", lambda t: f"{t['points_on_halves']} on {t['halves_below'][1]}"),
        ),
        (
            "the demo's phantoms: planted bleeds found; points on the one without",
            "3 of 3; 0",
            _demo,
        ),
        ("phantoms left out: Dice [95 %]", "80", _phantoms("dice")),
        ("phantoms left out: PPV [95 %]", "", _phantoms("ppv")),
        ("phantoms left out: sensitivity [95 %]", "", _phantoms("sensitivity")),
        ("reading, ms a slice (CPU)", "not above the first", _time),
    ]
    return _table(
        ["", "goal", *(of["name"] for of in bundles)],
        [[name, goal, *map(cell, bundles)] for name, goal, cell in rows],
    )


def _dev(cell: Cell) -> Cell:
    return lambda of: cell(of["development"]) if "development" in of else NOT_MEASURED


def _tissue(part: str, cell: Cell) -> Cell:
    return lambda of: cell(of["tissue"][part]) if "tissue" in of else NOT_MEASURED


def _phantoms(figure: str) -> Cell:
    def cell(of: Figures) -> str:
        if "phantoms" not in of:
            return NOT_MEASURED
        low, high = of["phantoms"]["intervals"][figure]
        return f"{100 * of['phantoms'][figure]:.1f} [{100 * low:.0f}, {100 * high:.0f}]"

    return cell


def _judged(of: Figures) -> str:
    if "judged" not in of:
        return NOT_MEASURED
    return _share(of["judged"]) + (
        f"; {of['development']['marks_on_positives'] - of['judged'][1]} not judged"
        if of["development"]["marks_on_positives"] != of["judged"][1]
        else ""
    )


def _demo(of: Figures) -> str:
    if "demo" not in of:
        return NOT_MEASURED
    return f"{_of(of['demo']['found'])}; {of['demo']['points_without_bleeds']}"


def _time(of: Figures) -> str:
    if "time" not in of:
        return NOT_MEASURED
    return f"{of['time']['wall_ms']:.1f} ({of['time']['cpu_ms']:.1f} CPU)"


def _boxes(development: Figures) -> str:
    """Of the slices that are no copies: a slice in another coding counts once."""
    counted = [boxed for boxed in development["boxed"] if not boxed["copy"]]
    cell = f"{sum(boxed['hit'] for boxed in counted)} of {sum(boxed['of'] for boxed in counted)}"
    missed = [f"{boxed['slice']} {kind}" for boxed in counted for kind in boxed["missed"]]
    other = [
        f"{boxed['slice']}: {boxed['hit']} of {boxed['of']}"
        for boxed in development["boxed"]
        if boxed["copy"]
    ]
    return "; ".join([cell, *(["missed: " + ", ".join(missed)] if missed else []), *other])


def _series(bundles: Sequence[Figures]) -> str:
    developments = [of["development"] for of in bundles]
    rows = []
    for index, series in enumerate(developments[0]["series"]):
        rows.append(
            [
                f"{series['group']}: {series['series']}",
                *(_answer(of["series"][index]) for of in developments),
            ]
        )
    for index, boxed in enumerate(developments[0]["boxed"]):
        rows.append(
            [
                f"boxed: {boxed['slice']}",
                *(_boxed_answer(of["boxed"][index]) for of in developments),
            ]
        )
    return "Real series: p (highest logit), marks; bold: above the threshold.\n\n" + _table(
        ["", *(of["name"] for of in bundles)], rows
    )


def _answer(series: Figures) -> str:
    text = f"{series['probability']:.3f} ({series['logit']:.1f})"
    return f"{_bold(text, series['above_threshold'])}, {series['marks']}"


def _boxed_answer(boxed: Figures) -> str:
    text = f"{boxed['probability']:.3f} ({boxed['logit']:.1f})"
    return (
        f"{_bold(text, boxed['above_threshold'])}, {boxed['hit']} of {boxed['of']} boxes, "
        f"{boxed['false_points']} beside"
    )


def _patients(bundles: Sequence[Figures], part: str) -> str:
    tissue = [of["tissue"][part] for of in bundles]
    rows = []
    for index, patient in enumerate(tissue[0]["patients"]):
        small = " (small extradural)" if patient["small_extradural"] else ""
        rows.append(
            [
                f"{patient['patient']}: {', '.join(patient['kinds'])}{small}",
                *(_patient(of["patients"][index]) for of in tissue),
            ]
        )
    rows += [
        [
            "all slices with small extradurals: found, marked",
            *(
                f"{_of(of['small_extradurals_found'])}, {_of(of['small_extradurals_marked'])}"
                for of in tissue
            ),
        ],
        ["boxes: Dice", *(f"{100 * of['boxes']['dice']:.1f}" for of in tissue)],
        ["clean halves above the threshold", *(_named(of["halves_above"]) for of in tissue)],
    ]
    return (
        f"Patients of the part {part}, each slice as a series of one, at the threshold of the "
        "bundle, which is one for series: highest p of a slice; slices found; slices with a mark "
        f"in a box of those with boxes; clean halves below; p of all slices as a stack. "
        f"Small extradural: boxes of at most {SMALL_CM2:g} cm2 in a slice.\n\n"
        + _table(["", *(of["name"] for of in bundles)], rows)
    )


def _patient(of: Figures) -> str:
    return (
        f"{_bold(format(of['probability'], '.3f'), of['found'])}; "
        f"{of['slices_found']} of {of['slices']}; {of['marked_slices']} of {of['boxed_slices']}; "
        f"{of['halves_below']} of {of['halves']}; "
        f"{_bold(format(of['probability_as_stack'], '.3f'), of['found_as_stack'])}"
    )


def _calibration(bundles: Sequence[Figures], part: str) -> str:
    of_bundles = [of["tissue"][part]["calibration"] for of in bundles]
    rows = [
        [
            f"{held['from']:g} to {held['to']:g}",
            *(
                f"{of[index]['mean']:.2f}: {of[index]['with_blood']:.2f} of {of[index]['slices']}"
                if of[index]["slices"]
                else NOT_MEASURED
                for of in of_bundles
            ),
        ]
        for index, held in enumerate(of_bundles[0])
    ]
    return (
        f"Calibration on slices of the part {part} (bleeding slices and clean halves): mean "
        "probability: share with blood of how many slices.\n\n"
        + _table(["p", *(of["name"] for of in bundles)], rows)
    )


def _of(pair: Sequence[int]) -> str:
    return f"{pair[0]} of {pair[1]}"


def _share(pair: Sequence[int]) -> str:
    return f"{100 * pair[0] / pair[1]:.0f} % ({_of(pair)})" if pair[1] else NOT_MEASURED


def _signed(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:+.2f}"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _bold(text: str, is_bold: bool) -> str:
    return f"**{text}**" if is_bold else text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
