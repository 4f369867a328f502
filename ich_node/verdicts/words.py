"""The words of a table: yes and no, types of bleeding, names of columns."""

import difflib
import re
from collections.abc import Iterable

BLEEDING: dict[str, bool | None] = {
    **dict.fromkeys(("yes", "y", "true", "1", "positive", "present"), True),
    **dict.fromkeys(("no", "n", "false", "0", "negative", "absent"), False),
    **dict.fromkeys(("unknown", "?", "unclear", "undetermined"), None),
}
TYPES = {
    "epidural": "epidural",
    "extradural": "epidural",
    "edh": "epidural",
    "intraparenchymal": "intraparenchymal",
    "intracerebral": "intraparenchymal",
    "iph": "intraparenchymal",
    "ich": "intraparenchymal",
    "intraventricular": "intraventricular",
    "ivh": "intraventricular",
    "subarachnoid": "subarachnoid",
    "sah": "subarachnoid",
    "subdural": "subdural",
    "sdh": "subdural",
    "chronic": "chronic",
    "other": "other",
    "quality": "quality",
}
COLUMNS = {
    "accession": ("accessionnumber",),
    "study_uid": ("studyinstanceuid",),
    "series_uid": ("seriesinstanceuid",),
    "bleeding": ("ich", "hemorrhage", "haemorrhage"),
    "type": ("types", "kind"),
    "who": ("reader", "radiologist"),
    "comment": ("comments",),
    "slices": ("slice", "sopinstanceuid", "sopinstanceuids"),
}


class UnknownWord(Exception):
    """Names what the table may say instead."""


def bleeding_of(text: str) -> bool | None:
    """Raises UnknownWord."""
    word = text.strip().casefold()
    if word in BLEEDING:
        return BLEEDING[word]
    raise UnknownWord(f"bleeding is yes, no or unknown{_near(word, BLEEDING)}")


def types_of(text: str) -> tuple[str, ...]:
    """The types in the text, separated by spaces, commas or semicolons. Raises UnknownWord."""
    found = []
    for word in re.split(r"[\s,;+/&|]+", text.strip().casefold()):
        if word and word not in TYPES:
            known = ", ".join(dict.fromkeys(TYPES.values()))
            raise UnknownWord(f"the type is one of {known}{_near(word, TYPES)}")
        if word:
            found.append(TYPES[word])
    return tuple(dict.fromkeys(found))


def column_of(heading: str) -> str:
    """The name of the column with this heading. Raises UnknownWord."""
    word = _bare(heading)
    for name, others in COLUMNS.items():
        if word in (_bare(name), *others):
            return name
    spellings = {
        _bare(other): name for name, others in COLUMNS.items() for other in (name, *others)
    }
    near = difflib.get_close_matches(word, spellings, 1)
    meant = f"; did you mean '{spellings[near[0]]}'?" if near else ""
    raise UnknownWord(f"there is no column '{heading}'{meant}")


def _bare(heading: str) -> str:
    return re.sub(r"[\s_-]", "", heading.casefold())


def _near(word: str, known: Iterable[str]) -> str:
    """The word itself may be anything, also a name, and is not repeated."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""
