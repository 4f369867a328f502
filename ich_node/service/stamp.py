"""Files that install-service writes carry a stamp: a comment with the hash of the rest. So a later
run sees whether somebody has changed one, and does not overwrite his work.
"""

import hashlib
import re

from ich_node.service.earlier_units import EARLIER
from ich_node.service.places import PREFIX

STAMP = re.compile(
    r"^# Written by ich-node install-service[^\n]*sha256:(?P<hash>[0-9a-f]{64})\n", re.M
)
# in a unit, in the command, in the command of versions before it
PROGRAM = re.compile(r"^(ExecStart=|program=|    )/\S*?(?=/bin/ich-node\b)", re.M)


def stamped(text: str, hint: str) -> str:
    """hint: where changes belong. The stamp is the first line, or the second where the first one
    names an interpreter.
    """
    first, rest = _divided(text)
    line = f"# Written by ich-node install-service; {hint}. sha256:{_hash(text)}\n"
    return first + line + rest


def is_untouched(text: str) -> bool:
    """As install-service wrote it, or as it was shipped with an earlier version, before there was
    an install-service; whatever the prefix.
    """
    match = STAMP.search(text)
    if match is None:
        return _hash(with_prefix(text, str(PREFIX))) in EARLIER
    return _hash(text[: match.start()] + text[match.end() :]) == match["hash"]


def with_prefix(text: str, prefix: str) -> str:
    """With another folder in front of the /bin/ich-node that it runs."""
    return PROGRAM.sub(lambda match: match[1] + prefix, text)


def prefix_in(text: str) -> str | None:
    """The folder in front of /bin/ich-node in a unit or the command."""
    match = PROGRAM.search(text)
    return match[0].removeprefix(match[1]) if match else None


def _divided(text: str) -> tuple[str, str]:
    if not text.startswith("#!"):
        return "", text
    first, newline, rest = text.partition("\n")
    return first + newline, rest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
