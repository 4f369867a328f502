"""Contestants in turns, round after round in another order: what disturbs the machine disturbs all
of them alike.
"""

import json
import os
import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One contestant's milliseconds by the wall clock and of this process on all its CPUs, over the
    rounds.

    cpu_ms is the steadier one where others use the machine, too.
    """

    wall_ms: float
    wall_quartiles_ms: tuple[float, float]
    cpu_ms: float


def take_turns(
    contestants: Mapping[str, Callable[[], object]], *, rounds: int, repeats: int, seed: int = 1
) -> dict[str, Timing]:
    """Medians per repeat. Each contestant does `repeats` pieces of work a call; it is called once
    before the clock runs.
    """
    for contestant in contestants.values():
        contestant()
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    order, shuffle = list(contestants), random.Random(seed)  # noqa: S311 - an order of turns is no secret
    for _ in range(rounds):
        shuffle.shuffle(order)
        for name in order:
            wall_began, cpu_began = time.perf_counter(), time.process_time()
            contestants[name]()
            wall[name].append((time.perf_counter() - wall_began) * 1000 / repeats)
            cpu[name].append((time.process_time() - cpu_began) * 1000 / repeats)
    timings = {}
    for name in contestants:
        lower, _, upper = quantiles(wall[name], n=4)
        timings[name] = Timing(
            wall_ms=median(wall[name]), wall_quartiles_ms=(lower, upper), cpu_ms=median(cpu[name])
        )
    return timings


def write_table(
    name: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    packages: Sequence[str],
) -> None:
    """results/DATE-NAME.md and .json: the rows, with the machine, its load and the versions of
    packages.
    """
    about = _machine(packages)
    lines = [f"# {title}", "", *(f"- {what}: {value}" for what, value in about.items()), ""]
    lines += [_line(columns), _line(["---"] * len(columns)), *map(_line, rows), ""]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{about['date']}-{name}"
    path.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    document = {
        "title": title,
        "about": about,
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    path.with_suffix(".json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print("\n".join(lines))  # noqa: T201 - a command that prints its table


def timing_cells(timing: Timing) -> list[str]:
    """Median, quartiles and CPU time, for a row."""
    lower, upper = timing.wall_quartiles_ms
    return [f"{timing.wall_ms:.2f}", f"{lower:.2f}-{upper:.2f}", f"{timing.cpu_ms:.2f}"]


TIMING_COLUMNS = ("ms", "quartiles", "CPU ms")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine(packages: Sequence[str]) -> dict[str, str]:
    versions = [
        f"Python {platform.python_version()}",
        *(f"{package} {_version(package)}" for package in packages),
    ]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "versions": ", ".join(versions),
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
