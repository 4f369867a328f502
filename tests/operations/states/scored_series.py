"""A node that has read 120 series in 60 days with the shipped bundle; readers gave verdicts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from ich_node.ledger import open_ledger
from ich_node.model.bundle_file import read_header, shipped_bundle
from tests.operations.states.empty import CONFIG
from tests.support.scored import add_scores

SERIES, BLEEDING, EVERY = 120, 18, timedelta(hours=12)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    header = read_header(shipped_bundle())
    rng = np.random.default_rng(17)
    bleeds = set(rng.choice(SERIES, BLEEDING, replace=False).tolist())
    scores = [
        float(rng.beta(9, 1) if number in bleeds else rng.beta(2, 3)) for number in range(SERIES)
    ]
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    add_scores(
        ledger,
        scores,
        bundle_sha256=header.sha256,
        threshold=header.card["operating_point"]["threshold"],
        first=datetime.now(UTC) - SERIES * EVERY,
        step=EVERY,
        labels={number + 1: number in bleeds for number in range(SERIES) if number % 2},
    )
    ledger.dispose()
    yield path
