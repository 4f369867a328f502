"""A node that has read 120 series in 60 days; readers gave verdicts. Its bundle has the numbers
that the document shows, whatever the shipped one has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from ich_node.detection.peaks import PeakRule
from ich_node.ledger import open_ledger
from ich_node.model.bundle import pack_bundle
from ich_node.model.bundle_file import open_bundle, read_header, shipped_bundle
from tests.documents.states.empty import CONFIG
from tests.support.scored import add_scores
from tests.support.untrained_bundle import write_untrained_bundle

SERIES, BLEEDING, EVERY = 120, 18, timedelta(hours=12)
THRESHOLD = 0.9251
RULE = PeakRule(min_distance_px=12, min_likelihood=0.26, min_prominence=2.0, slice_gate=THRESHOLD)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path, bundle = folder / "config.toml", folder / "bundle.safetensors"
    path.write_text(
        f'{CONFIG.format(folder=folder)}[bundle]\npath = "{bundle}"\n', encoding="utf-8"
    )
    _write_bundle(bundle)
    header = read_header(bundle)
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
        threshold=THRESHOLD,
        first=datetime.now(UTC) - SERIES * EVERY,
        step=EVERY,
        labels={number + 1: number in bleeds for number in range(SERIES) if number % 2},
    )
    ledger.dispose()
    yield path


def _write_bundle(path: Path) -> None:
    """A demonstration model with the name of the shipped one."""
    name = read_header(shipped_bundle()).name
    write_untrained_bundle(path, threshold=THRESHOLD, name=name)
    untrained = open_bundle(path)
    card = replace(untrained.card, peak_rule=RULE, demonstration=True)
    path.write_bytes(pack_bundle(card, untrained.weights))
