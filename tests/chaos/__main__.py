"""`python -m chaos`, with tests/ on the path."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.run import Chaos
from tests.support.postgres import cluster


@contextmanager
def ledger_of(kind: str) -> Iterator[str | None]:
    if kind == "sqlite":
        yield None
        return
    with cluster() as server:
        yield server.new_url()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="chaos", description="Faults by the dozen, seeded; nothing acknowledged may be lost."
    )
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ledger", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--out",
        type=Path,
        help="a folder for the configuration and the log, kept; without it a temporary one",
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ledger_of(asked.ledger) as url:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = Chaos(folder=folder, url=url, seed=asked.seed, series=asked.series).run()
    print(json.dumps(outcome.figures, indent=1))  # noqa: T201 - its purpose
    for sentence in outcome.wrong:
        print("WRONG:", sentence)  # noqa: T201
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
