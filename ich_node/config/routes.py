"""Whose results a destination gets: `sources` and `return_to_sender` of [[destinations]]."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from ich_node.config.destinations import Destination, DicomDestination
from ich_node.config.settings import Source


def with_senders(
    destinations: Sequence[Destination], sources: Sequence[Source]
) -> tuple[Destination, ...]:
    """Where results return to their sender, `sources` is filled in."""
    return tuple(_with_senders(each, sources) for each in destinations)


def mistakes_in_routes(
    destinations: Sequence[Destination], sources: Sequence[Source]
) -> Iterator[str]:
    """Of destinations with their senders: one sentence for each."""
    known = [source.name for source in sources]
    for destination in destinations:
        where = f"[[destinations]] {destination.name}:"
        mistake = _mistake_in_senders(destination, sources)
        if mistake:
            yield f"{where} {mistake}"
        for name in destination.sources or ():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                advice = (
                    f"did you mean '{near[0]}'?"
                    if near
                    else f"there are: {', '.join(known) or 'none'}"
                )
                yield f"{where} sources: there is no [[sources]] entry '{name}'; {advice}"


def _with_senders(destination: Destination, sources: Sequence[Source]) -> Destination:
    if not isinstance(destination, DicomDestination) or not destination.return_to_sender:
        return destination
    wanted = destination.sources
    names = tuple(
        each.name
        for each in _with_title(destination, sources)
        if wanted is None or each.name in wanted
    )
    return destination.model_copy(update={"sources": names})


def _mistake_in_senders(destination: Destination, sources: Sequence[Source]) -> str | None:
    if not isinstance(destination, DicomDestination) or not destination.return_to_sender:
        return None
    senders = [each.name for each in _with_title(destination, sources)]
    if not senders:
        return (
            "return_to_sender needs a [[sources]] entry with its ae_title"
            f" '{destination.ae_title}'; there are: "
            + (", ".join(f"{each.ae_title} ({each.name})" for each in sources) or "none")
        )
    if not destination.sources:
        return (
            "return_to_sender: none of its sources has the ae_title"
            f" '{destination.ae_title}'; these have it: {', '.join(senders)}"
        )
    if len(destination.sources) > 1:
        return (
            f"return_to_sender: {', '.join(destination.sources)} have the same ae_title"
            f" '{destination.ae_title}'; say whose results it gets: sources = ["
            f'"{destination.sources[0]}"]'
        )
    return None


def _with_title(destination: DicomDestination, sources: Sequence[Source]) -> list[Source]:
    title = destination.ae_title.strip()
    return [each for each in sources if each.ae_title.strip() == title]
