"""Rules of this project that no linter knows; `make check` runs them.

- A class name exists once in ich_node: one word, one meaning.
- No test compares a measured duration with a number: machines differ, and such a test is red on a
  slower one. Speed is judged by benchmarks, as a ratio within one run. A deadline for what must
  happen at all (`assert time.monotonic() < deadline`) is allowed.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support import REPOSITORY

CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}


def main() -> int:
    """Print each violation with its place. Returns the exit status: 1 if there is any."""
    violations = [
        *classes_of_one_name(REPOSITORY / "ich_node"),
        *(
            violation
            for path in sorted((REPOSITORY / "tests").rglob("*.py"))
            if "load" not in path.parts  # programs that measure; no tests
            for violation in verdicts_on_speed(path.read_text(encoding="utf-8"), path)
        ),
    ]
    for violation in violations:
        print(violation)  # noqa: T201
    return 1 if violations else 0


def classes_of_one_name(folder: Path) -> Iterator[str]:
    """One sentence for each class name that is defined more than once below the folder."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{_relative(path)}:{node.lineno}")
    for name, found in sorted(places.items()):
        if len(found) > 1:
            yield f"class {name} is defined more than once: {', '.join(found)}"


def verdicts_on_speed(source: str, path: Path) -> Iterator[str]:
    """One sentence for each comparison of a measured duration, in an assert or a predicate.

    A duration is a difference with a reading of a clock in it, a name or an attribute that one was
    assigned to, or a call of a function of this file that returns one.
    """
    tree = ast.parse(source)
    durations = _Durations(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            durations.contains(side) for side in (node.left, *node.comparators)
        ):
            yield (
                f"{_relative(path)}:{node.lineno}: compares a measured duration; make it a ratio in"
                " benchmarks/, or count work"
            )


class _Durations:
    """Which expressions of a file are measured durations."""

    def __init__(self, tree: ast.Module) -> None:
        self._readings: set[str] = set()
        self._durations: set[str] = set()
        for _ in range(3):  # a duration may pass through a function and a list on its way
            for node in ast.walk(tree):
                self._learn(node)

    def contains(self, expression: ast.expr) -> bool:
        """Whether a duration is anywhere in the expression."""
        return any(
            self._is_difference(node) or _name_of(node) in self._durations
            for node in ast.walk(expression)
        )

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target, value in _pairs(targets, node.value):
                if self.contains(value):
                    self._durations.add(target)
                elif _is_reading(value):
                    self._readings.add(target)
        elif isinstance(node, ast.FunctionDef):
            returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
            if any(value is not None and self.contains(value) for value in returned):
                self._durations.add(node.name)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "append"
            and any(self.contains(argument) for argument in node.args)
            and (name := _name_of(node.func.value))
        ):
            self._durations.add(name)

    def _is_difference(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Sub)
            and (_is_reading(node.left) or _name_of(node.left) in self._readings)
            and (_is_reading(node.right) or _name_of(node.right) in self._readings)
        )


def _pairs(targets: list[ast.expr], value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Each assigned name with its value; a tuple is taken apart where both sides are tuples."""
    for target in targets:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its_value in zip(target.elts, value.elts, strict=False):
                yield from _pairs([one], its_value)
        elif name := _name_of(target):
            yield name, value


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _is_reading(node: ast.AST) -> bool:
    """time.monotonic(), time.perf_counter() ..."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and _name_of(node.func.value) == "time"
    )


def _relative(path: Path) -> Path:
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


if __name__ == "__main__":
    sys.exit(main())
