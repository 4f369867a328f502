"""A name that is not known: the known ones, and the near one."""

from collections.abc import Collection
from difflib import get_close_matches

from ich_node.errors import ConfigError


def check_known(name: str, known: Collection[str], *, what: str) -> None:
    """Raises ConfigError if the name is none of the known ones; what: "destination"."""
    if name in known:
        return
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    meant = f"did you mean '{by_folded[near[0]]}'? " if near else ""
    names = f"there are: {', '.join(dict.fromkeys(known))}" if known else "none is configured"
    raise ConfigError(f"there is no {what} '{name}'; {meant}{names}")
