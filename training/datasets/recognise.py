"""Which data set a folder holds, and its reader."""

from pathlib import Path

from training.datasets import (
    bhx,
    cq500,
    ct_ich,
    ct_ich_8bit,
    ct_ich_table,
    label_table,
    labels,
    phantom,
    rsna,
    tissue,
)
from training.datasets.images import Progress, no_progress
from training.datasets.labelled import Found, Source
from training.datasets.tables import find_table
from training.errors import DataError

TABLES: tuple[tuple[Source, tuple[str, ...]], ...] = (
    ("rsna", (rsna.TABLE,)),
    ("cq500", cq500.TABLES),
    ("bhx", bhx.TABLES),
    ("ct-ich", ct_ich_table.TABLES),
    ("tissue", (tissue.HALVES,)),
    ("labels", (label_table.TABLE,)),
)


def read_dataset(
    folder: Path,
    *,
    kind: Source | None = None,
    progress: Progress = no_progress,
    boxes: Path | None = None,
    chronic: bool = True,
) -> Found:
    """kind None: recognised by the tables in the folder. boxes, chronic: of CQ500 and BHX, see
    `bhx.read_bhx`. Raises DataError if the folder holds no data set, or several.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder; give the one that holds the data set's table and images"
        )
    match kind or recognise(folder):
        case "rsna":
            return rsna.read_rsna(folder, progress=progress)
        case "cq500":
            return cq500.read_cq500(folder, progress=progress, boxes=boxes, chronic=chronic)
        case "bhx":
            return bhx.read_bhx(folder, progress=progress, boxes=boxes, chronic=chronic)
        case "ct-ich":
            return ct_ich.read_ct_ich(folder, progress=progress)
        case "tissue":
            return tissue.read_tissue(folder, progress=progress)
        case "ct-ich-8bit":
            return ct_ich_8bit.read_ct_ich_8bit(folder, progress=progress)
        case "labels":
            return labels.read_site(folder, progress=progress, chronic=chronic)
        case "phantom":
            return phantom.read_phantoms(folder, progress=progress)


def recognise(folder: Path) -> Source:
    """A folder with CQ500 and BHX tables is CQ500, whose reader joins both."""
    held = tables_in(folder)
    if held == ["cq500", "bhx"]:
        return "cq500"
    if len(held) == 1:
        return held[0]
    if held:
        raise DataError(
            f"{folder} holds several data sets ({', '.join(held)}); "
            "give each a folder of its own, or give --kind"
        )
    known = ", ".join(pattern for _, patterns in TABLES for pattern in patterns)
    known = known.replace(label_table.TABLE, label_table.NAME)
    raise DataError(
        f"{folder} holds no table of a data set ({known}, {phantom.TRUTH}); "
        "put it beside the images"
    )


def tables_in(folder: Path) -> list[Source]:
    """The data sets whose tables the folder holds."""
    held: list[Source] = [
        _edition(folder) if source == "ct-ich" else source
        for source, patterns in TABLES
        if find_table(folder, *patterns)
    ]
    # Searching a large data set takes minutes, so it is searched only if nothing else was found.
    near = (folder.glob(pattern) for pattern in (phantom.TRUTH, f"*/{phantom.TRUTH}"))
    if any(next(paths, None) for paths in near) or (
        not held and next(folder.rglob(phantom.TRUTH), None)
    ):
        held.append("phantom")
    return held


def _edition(folder: Path) -> Source:
    """The versions of CT-ICH have one table, and folders of their own."""
    places: dict[str, Source] = {ct_ich.SCANS: "ct-ich", ct_ich_8bit.IMAGES: "ct-ich-8bit"}
    held = [source for place, source in places.items() if (folder / place).is_dir()]
    if len(held) == 1:
        return held[0]
    if held:
        raise DataError(
            f"{folder} holds {' and '.join(places)}, two versions of CT-ICH; "
            f"give --kind {' or --kind '.join(held)}"
        )
    raise DataError(
        f"{folder} holds the table of CT-ICH, but neither {ct_ich.SCANS} (version 1.3) nor "
        f"{ct_ich_8bit.IMAGES} (1.0 to 1.2); put the images there"
    )
