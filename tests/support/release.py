"""The documents show the next release; a source tree says what it is, e.g. 0.2.0.dev0."""

from ich_node import __version__

NEXT_RELEASE = __version__.partition(".dev")[0]


def as_documented(printed: str) -> str:
    """With the next release in the place of the version that runs."""
    return printed.replace(__version__, NEXT_RELEASE)
