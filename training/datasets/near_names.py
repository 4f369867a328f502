"""The known name that is nearest to one that is not known: a digit lost, a folder renamed."""

from bisect import bisect_left
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cached_property

LEAST_ALIKE = 0.8
MOST_DIGITS_LOST = 2
NEIGHBOURS = 4  # on either side, in the order of the beginnings and in that of the ends
MOST_LOOKUPS = 1000  # each takes about a millisecond; a whole table may be wrong


class NearNames:
    """Compares only names with the same beginning or end, so a hundred thousand are no matter."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = known
        self._left = MOST_LOOKUPS

    def nearest(self, name: str) -> str:
        """Empty if none is near, or if too many were asked for."""
        if self._left == 0:
            return ""
        self._left -= 1
        wanted = name.casefold()
        near = {
            *_around(self._by_beginning, wanted),
            *(each[::-1] for each in _around(self._by_end, wanted[::-1])),
        }
        alike, best = max(
            (
                (SequenceMatcher(None, wanted, each).ratio(), each)
                for each in near
                if _is_slip(wanted, each)
            ),
            default=(0.0, ""),
        )
        return self._spelling[best] if alike >= LEAST_ALIKE else ""

    @cached_property
    def _spelling(self) -> dict[str, str]:
        return {name.casefold(): name for name in self._known}

    @cached_property
    def _by_beginning(self) -> list[str]:
        return sorted(self._spelling)

    @cached_property
    def _by_end(self) -> list[str]:
        return sorted(name[::-1] for name in self._spelling)


def _is_slip(wrong: str, right: str) -> bool:
    """Digits lost, added or in another order; with other digits it is the name of a sibling."""
    shorter, longer = sorted(
        ("".join(filter(str.isdigit, name)) for name in (wrong, right)), key=len
    )
    if len(shorter) == len(longer):
        return sorted(shorter) == sorted(longer)
    rest = iter(longer)
    return len(longer) - len(shorter) <= MOST_DIGITS_LOST and all(
        digit in rest for digit in shorter
    )


def _around(names: list[str], wanted: str) -> list[str]:
    at = bisect_left(names, wanted)
    return names[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
