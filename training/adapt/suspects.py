"""The studies that look most positive, for a person to look at: a bleed among the negatives would
be learned as normal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.adapt.studies import Study
from training.errors import DataError

SHOWN_BELOW = 5  # of those below the threshold, the highest are shown too
TO_CONFIRM = "to-confirm.txt"
HEAD = """\
# Studies that the bundle calls positive. Look at each of them.
# Delete the lines of those that bleed. Keep the lines of those that do not bleed, and run the same
# command with --confirmed and this file.
"""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """Negative studies by what may be learned from them.

    usable: below the threshold, or confirmed. doubtful: at or above it, and nobody has confirmed
    them. shown: those that look most positive, the highest first.
    """

    usable: tuple[Study, ...]
    doubtful: tuple[Study, ...]
    shown: tuple[Study, ...]


def sort_studies(
    studies: Sequence[Study], *, threshold: float, confirmed: frozenset[str]
) -> Sorted:
    """confirmed: UIDs of studies or series that a person has looked at."""
    highest = sorted(studies, key=lambda study: (-study.probability, study.series_uid))
    above = [study for study in highest if study.probability >= threshold]
    doubtful = tuple(study for study in above if not study.is_named_in(confirmed))
    return Sorted(
        usable=tuple(study for study in studies if study not in doubtful),
        doubtful=doubtful,
        shown=tuple(highest[: len(above) + SHOWN_BELOW]),
    )


def write_to_confirm(doubtful: Sequence[Study], folder: Path) -> Path:
    """A file for --confirmed, with a line for each study; names no patient."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TO_CONFIRM
    lines = [
        f"{study.study_uid}  # {study.probability:.4f}, slice {study.highest}, {study.folder}"
        for study in doubtful
    ]
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_confirmed(path: Path) -> frozenset[str]:
    """The UIDs in a file of --confirmed: one a line, # begins a comment. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the UIDs in {path}: {error}") from error
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    uids = frozenset(line for line in lines if line)
    if wrong := sorted(uid for uid in uids if not uid.replace(".", "").isdigit()):
        raise DataError(
            f"{path}: '{wrong[0]}' is no UID; write one Study or Series Instance UID a line"
        )
    return uids


def check_confirmed(confirmed: frozenset[str], studies: Sequence[Study], path: Path) -> None:
    """Raises DataError for a UID of none of the studies: a mistake in typing would go unseen."""
    known = {uid for study in studies for uid in (study.study_uid, study.series_uid)}
    if strange := sorted(confirmed - known):
        raise DataError(
            f"{path}: {strange[0]} is none of the studies that can be used"
            + (f", nor are {len(strange) - 1} more" if len(strange) > 1 else "")
        )
