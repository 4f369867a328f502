"""`python -m tests.documents.count`: how many command blocks there are, what runs each, and why the
others are not run. Fails if a block says nothing.
"""

import sys
from collections import Counter

from tests.documents.blocks import REASONS, Block, command_blocks
from tests.documents.command_names import calls
from tests.support import REPOSITORY

UNSAID = "{place}: no comment says what runs these commands, or why nothing does"
RULE = (
    "Above a command block stands `<!-- state: NAME -->`, `<!-- not run: REASON -->` or"
    " `<!-- run by: TEST -->` (tests/documents/__init__.py); what is no command says its language,"
    " e.g. ```text."
)


def problems(blocks: list[Block]) -> list[str]:
    """A sentence for each block that is not run and does not say why."""
    return [said for block in blocks for said in _problem(block)]


def _problem(block: Block) -> list[str]:
    if block.not_run:
        if block.reason:
            return []
        known = ", ".join(REASONS)
        return [f"{block.place}: {block.not_run!r} is no reason; reasons are: {known}"]
    if block.run_by:
        return [] if _runs_it(block) else [f"{block.place}: {block.run_by} does not run it"]
    return [] if block.is_run else [UNSAID.format(place=block.place)]


def _runs_it(block: Block) -> bool:
    """.ci/run has each of its lines; the file of a test has the test, and names each command; `make
    walk` runs the blocks of one page.
    """
    if block.run_by == "make walk":
        return block.document.name == "quickstart.md"
    name, _, test = block.run_by.partition("::")
    path = REPOSITORY / name
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    if not test:
        lines = [line.split("#")[0].strip() for line in block.lines]
        return all(line in text for line in lines if line)
    words = {word for call in calls("\n".join(block.lines)) for word in call.names}
    return f"def {test}(" in text and all(f'"{word}"' in text for word in words)


def summary(blocks: list[Block]) -> list[str]:
    """Lines for people."""
    run = [block for block in blocks if block.is_run]
    extended = sum(1 for block in run if block.is_extended)
    elsewhere = Counter(block.run_by for block in blocks if block.run_by)
    reasons = Counter(block.reason for block in blocks if block.not_run)
    lines = [
        f"{len(blocks)} command blocks in {len({block.document for block in blocks})} documents",
        f"{len(run) - extended:4} run in make test",
        f"{extended:4} run in make extended",
    ]
    lines += [f"{number:4} run by {name}" for name, number in sorted(elsewhere.items())]
    lines.append(f"{sum(reasons.values()):4} not run:")
    lines += [f"{number:8} {reason}" for reason, number in reasons.most_common()]
    return lines


if __name__ == "__main__":
    every = command_blocks()
    said = problems(every)
    sys.stdout.write("\n".join([*summary(every), *said, *([RULE] if said else [])]) + "\n")
    sys.exit(1 if said else 0)
