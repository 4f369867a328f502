"""A model card in Markdown: what the bundles are, Table I beside the paper's own row, and every
other figure.
"""

from collections.abc import Sequence
from typing import Any

from ich_node.dicom.identity import FOR_RESEARCH_USE
from ich_node.model.bundle import Bundle

# Nemcek 2021, Table I: PPV, sensitivity and Dice in percent on its 254 scans of CQ500 with BHX
# boxes
PAPER_ROWS = (("paper, pooling", 61.88, 54.72, 58.08), ("paper, attention", 38.19, 62.13, 47.30))
FIRST_SKIPPED = 5


def model_card(
    bundles: Sequence[Bundle],
    *,
    documents: Sequence[dict[str, Any]],
    data: dict[str, Any],
    pictures: Sequence[str],
) -> str:
    """documents: the figures of each bundle. data: which data set and part were read. pictures:
    files beside the card.
    """
    names = names_of(bundles)
    parts = [
        "# Model card",
        FOR_RESEARCH_USE,
        _table(
            ["Data", ""], [[key, str(value)] for key, value in data.items() if key != "left_out"]
        ),
        *(_about(name, bundle) for name, bundle in zip(names, bundles, strict=True)),
        "## Localisation",
        "A box with a point inside is a true positive, a box without one a false negative, "
        "a point outside every box a false positive, summed over all slices (Nemcek 2021, "
        "Table I). In brackets: 95 % interval, patients drawn with replacement.",
        localisation_table(names, documents),
        "The paper's rows are of another data selection unless this is its test part of CQ500 "
        "with the extrapolated BHX boxes.",
        _unread(names, documents),
        _unlocated(documents),
        _shares(
            "Pointing game: the map's maximum is in a box",
            names,
            [{"": of["pointing_game"]} for of in documents],
        ),
        _shares("Boxes found by kind", names, [of["kinds"] for of in documents]),
        _shares("Boxes found by size (longer side)", names, [of["sizes"] for of in documents]),
        _froc(names, documents),
        "## Classification",
        _classification("Slices", names, [of["slice"] for of in documents]),
        study_tables(names, documents),
        "## What was skipped",
        _skipped(documents[0], data["left_out"]),
        "## Pictures" if pictures else "",
        "Boxes red, marks ×, below the likelihood map. They are the first slices of each kind; "
        "nobody chose them."
        if pictures
        else "",
        *(f"![{picture}]({picture})" for picture in pictures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def localisation_table(names: Sequence[str], documents: Sequence[dict[str, Any]]) -> str:
    """Table I of the paper, with its own rows last."""
    rows = []
    for name, document in zip(names, documents, strict=True):
        figures = document["localisation"]
        cells = [
            _percent(figures[key], figures["intervals"][key])
            for key in ("ppv", "sensitivity", "dice")
        ]
        rows.append([name, *cells, *(str(figures[key]) for key in ("tp", "fp", "fn"))])
    rows += [
        [name, *(f"{value:.2f}" for value in values), "", "", ""] for name, *values in PAPER_ROWS
    ]
    return _table(["Method", "PPV [%]", "SE [%]", "Dice [%]", "TP", "FP", "FN"], rows)


def study_tables(names: Sequence[str], documents: Sequence[dict[str, Any]]) -> str:
    """How well studies with bleeding are told from those without."""
    told = _classification("Studies", names, [of["study"] for of in documents])
    return f"{told}\n\n{_operation(names, documents)}"


def names_of(bundles: Sequence[Bundle]) -> list[str]:
    """Each with the beginning of its hash, since revisions of a bundle keep its name."""
    return [f"{bundle.name} {bundle.sha256[:8]}" for bundle in bundles]


def _about(name: str, bundle: Bundle) -> str:
    card, rule = bundle.card, bundle.peak_rule
    rows = [
        ["made of", card.provenance.source],
        ["created", card.provenance.created],
        ["licence", card.licence],
        ["network", f"{card.network_spec.architecture}, {card.network_spec.head} head"],
        [
            "h, T, d, gate",
            f"{rule.min_prominence:g}, {rule.min_likelihood:g}, {rule.min_distance_px} px, "
            f"{rule.slice_gate:g}",
        ],
        ["positive from probability", f"{card.operating_point.threshold:g}"],
        ["sha256", bundle.sha256],
        *(
            [key, str(value)]
            for key, value in card.provenance.details.items()
            if key != "revisions"
        ),
        *(
            [
                f"revised {revision['at']}",
                f"{revision['why']} (from {revision['parent_sha256'][:16]})",
            ]
            for revision in card.provenance.details.get("revisions", [])
        ),
    ]
    return f"## {name}\n\n" + _table(["", ""], rows)


def _unread(names: Sequence[str], documents: Sequence[dict[str, Any]]) -> str:
    unread = [
        (name, of["localisation"]["unread_boxes"])
        for name, of in zip(names, documents, strict=True)
    ]
    return " ".join(
        f"{name}: {count} boxes lie on slices that were left out or averaged into a neighbour's "
        "slab; they are not scored."
        for name, count in unread
        if count
    )


def _unlocated(documents: Sequence[dict[str, Any]]) -> str:
    count = documents[0]["localisation"]["unlocated_slices"]
    return (
        f"{count} slices bleed, or may bleed, and have no box: marks on them are not scored."
        if count
        else ""
    )


def _shares(title: str, names: Sequence[str], found: Sequence[dict[str, Any]]) -> str:
    classes = list(dict.fromkeys(key for of in found for key in of))
    if not any(of[key]["of"] for of in found for key in of):
        return ""
    rows = [[key, *(_share(of[key]) if key in of else "–" for of in found)] for key in classes]
    return f"{title}:\n\n" + _table(["", *names], rows)


def _froc(names: Sequence[str], documents: Sequence[dict[str, Any]]) -> str:
    rows = [
        [cost, *(_percent(of["froc"][cost]) for of in documents)] for cost in documents[0]["froc"]
    ]
    return "FROC: boxes found [%] by false points per slice:\n\n" + _table(["", *names], rows)


def _classification(title: str, names: Sequence[str], figures: Sequence[dict[str, Any]]) -> str:
    if not figures[0]["count"]:
        return f"{title}: the data set does not label them."
    rows = [
        ["positive of all", *(f"{of['positive']} of {of['count']}" for of in figures)],
        ["AUC", *(_number(of["auc"], of["auc_interval"]) for of in figures)],
        *(
            [
                f"SE [%] at specificity {100 * float(wanted):g} %",
                *(_percent(_at(of, wanted)["sensitivity"]) for of in figures),
            ]
            for wanted in figures[0]["sensitivity_at_specificity"]
        ),
    ]
    return f"{title}:\n\n" + _table(["", *names], rows)


def _at(figures: dict[str, Any], wanted: str) -> dict[str, Any]:
    at: dict[str, Any] = figures["sensitivity_at_specificity"][wanted]
    return at


def _operation(names: Sequence[str], documents: Sequence[dict[str, Any]]) -> str:
    studies = [of["study"] for of in documents]
    negatives = [of["negative_series"] for of in documents]
    rows = [
        ["threshold", *(f"{of['threshold']:g}" for of in studies)],
        ["SE [%]", *(_percent(of["sensitivity"]) for of in studies)],
        ["specificity [%]", *(_percent(of["specificity"]) for of in studies)],
        *(
            [
                f"PPV [%] at {100 * float(share):g} % prevalence",
                *(_percent(of["ppv_at_prevalence"][share]) for of in studies),
            ]
            for share in studies[0]["ppv_at_prevalence"]
        ),
        ["points on negative series", *(f"{of['points']} on {of['series']}" for of in negatives)],
    ]
    return "Studies at the bundle's own threshold:\n\n" + _table(["", *names], rows)


def _skipped(document: dict[str, Any], left_out: dict[str, int]) -> str:
    """left_out: the number of each reason of the data set's reader."""
    skipped = document["skipped"]
    lines = [
        f"{document['series']} series were read, {len(skipped)} were not; "
        f"left out of the data set: {sum(left_out.values())}.",
        "",
    ]
    lines += [f"- {count} x {reason}" for reason, count in left_out.items()]
    lines += [
        f"- {skip['what']}: {skip['reason']}. {skip['detail']}".rstrip()
        for skip in skipped[:FIRST_SKIPPED]
    ]
    if len(skipped) > FIRST_SKIPPED:
        lines.append(f"- and {len(skipped) - FIRST_SKIPPED} more, in figures.json")
    return "\n".join(lines)


def _share(found: dict[str, Any]) -> str:
    return f"{_percent(found['share'])} ({found['found']} of {found['of']})"


def _percent(value: float | None, interval: Sequence[float | None] = (None, None)) -> str:
    if value is None:
        return "–"
    low, high = interval
    return f"{100 * value:.2f}" + (
        f" [{100 * low:.1f}, {100 * high:.1f}]" if low is not None and high is not None else ""
    )


def _number(value: float | None, interval: Sequence[float | None]) -> str:
    if value is None:
        return "–"
    low, high = interval
    return f"{value:.3f}" + (
        f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
