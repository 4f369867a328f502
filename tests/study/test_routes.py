"""A destination that gets the results of some sources hears of no others, within a study either."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.answer import Answer
from ich_node.config.destinations import Hl7Destination
from tests.support.analysing import AnalysingNode
from tests.support.node import open_node
from tests.support.study_answers import read_all, told, told_to
from tests.support.study_series import chest, reconstruction


def ris(name: str, *sources: str) -> Hl7Destination:
    return Hl7Destination(
        name=name, kind="hl7", host="127.0.0.1", port=2575, sources=sources or None
    )


@pytest.fixture
def node(tmp_path: Path, untrained_bundle: Path) -> Iterator[AnalysingNode]:
    """Its bundle calls everything positive. Two sources, and a destination that gets both."""
    destinations = (ris("east", "east"), ris("west", "west"), ris("both"))
    with open_node(
        tmp_path, AnalysingNode, bundle=untrained_bundle, destinations=destinations
    ) as opened:
        yield opened


def test_each_message_says_what_all_who_get_it_may_know(node):
    """Of a study from two sources: who gets both hears the answer of the study, and each of the
    others that of its own series.
    """
    node.receive(reconstruction(2), source="east")
    read_all(node)
    node.receive(chest(3), source="west")
    read_all(node)
    node.make_teller().tell_refused(node.clock.now)
    assert told_to(node)[0] == {"east", "both"}
    of_west = {
        frozenset(names): (message.answer, message.replaces)
        for names, message in zip(told_to(node)[1:], told(node)[1:], strict=True)
    }
    first = told(node)[0].uid
    assert of_west == {
        frozenset({"west"}): (Answer.NOT_ANALYSED, None),
        frozenset({"both"}): (Answer.PRESENT, first),
    }


def test_each_source_is_told_that_there_is_no_answer(node):
    """Although "once a study" has been told already, to somebody else; who gets both hears it once
    for each.
    """
    node.receive(chest(2), source="east")
    node.receive(chest(3), source="west")
    read_all(node)
    while node.make_teller().tell_refused(node.clock.now):
        pass
    assert sorted(map(sorted, told_to(node))) == [["both"], ["both", "east"], ["west"]]


def test_a_series_from_two_sources_goes_to_who_gets_both(node):
    """Half of it came from each."""
    datasets = reconstruction(2)
    node.receive(datasets[:6], source="east")
    node.receive(datasets[6:], source="west")
    read_all(node)
    assert told_to(node) == [{"both"}]
