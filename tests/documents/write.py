"""`python -m tests.documents.write DOCUMENT [STATE ...]`: what the commands print now is written
into the document where it shows something else.
"""

import sys
import tempfile
from pathlib import Path

from tests.documents.blocks import blocks
from tests.documents.running import node_of
from tests.documents.stories import Step, stories


def write(document: Path, states: list[str]) -> None:
    """states: only these; none: all."""
    changes: list[tuple[Step, list[str]]] = []
    for story in stories(blocks(document)):
        if states and story.state not in states:
            continue
        with tempfile.TemporaryDirectory() as name, node_of(story, Path(name)) as node:
            for step in story.steps:
                is_shown, printed = node.shows(step)
                if step.printed is not None and not is_shown:
                    changes.append((step, printed))
    lines = document.read_text(encoding="utf-8").splitlines()
    for step, printed in sorted(changes, key=lambda change: -change[0].first):
        lines[step.first : step.last] = printed
    document.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2:])
