"""Nodes that listen."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ich_node.config.settings import (
    ScpSettings,
    SeriesSettings,
    Source,
    StudySettings,
    VerdictSettings,
)
from ich_node.ledger.counts import Tally
from ich_node.receive import Listener
from ich_node.receive.urgent import UrgentRule
from ich_node.spool import Spool
from tests.support.listening import CT1, ListeningNode, StartNode
from tests.support.node import Node, open_node
from tests.support.standing_clock import Clock

LARGE_OBJECT_WAIT_SECONDS = 0.5
ONE_ANSWER = StudySettings()
NO_VERDICTS = VerdictSettings()


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Starts a node on a free port, on the ledger of the others; keyword arguments are [scp]
    settings, `sources`, `spool`, `study`, `urgent_rule` and `verdicts` replace those.
    """
    with open_node(tmp_path, Node, busy_seconds=1) as shared, ExitStack() as listeners:

        def start(
            *,
            sources: tuple[Source, ...] = (CT1,),
            spool: Spool = shared.spool,
            study: StudySettings = ONE_ANSWER,
            urgent_rule: UrgentRule | None = None,
            verdicts: VerdictSettings = NO_VERDICTS,
            **scp: Any,
        ) -> ListeningNode:
            clock, counts = Clock(), Tally()
            listener = Listener(
                scp=ScpSettings(**{"bind_address": "127.0.0.1", "port": 0, **scp}),
                sources=sources,
                series=SeriesSettings(),
                spool=spool,
                ledger=shared.ledger.receiving,
                clock=clock,
                study=study,
                urgent_rule=urgent_rule,
                verdicts=verdicts,
                large_object_wait_seconds=LARGE_OBJECT_WAIT_SECONDS,
                counts=counts,
            )
            return ListeningNode(
                folder=tmp_path,
                ledger=shared.ledger,
                spool=spool,
                clock=clock,
                listener=listeners.enter_context(listener),
                counts=counts,
            )

        yield start


@pytest.fixture
def node(start_node: StartNode) -> ListeningNode:
    return start_node()
