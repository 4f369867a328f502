"""`make walk`: the commands of docs/quickstart.md in their order, on an empty Debian 12 with its
own systemd. Prints what they print, and then the seconds of each section: the page's table.

    python -m tests.walk.newcomer WHEEL NEXT_WHEEL

apt and pip have this host's network; everything else has loopback only. A command that fails ends
the walk, and the machine stays to be looked at. In a console block the lines that a command is said
to print must be there. Needs root, and what `make machine` installs.
"""

import re
import sys
import time
from pathlib import Path

from tests.documents.blocks import Block, blocks
from tests.documents.compare import agrees
from tests.documents.stories import Step, steps
from tests.support import REPOSITORY
from tests.support.empty_machine import Machine, MachineError

PAGE = REPOSITORY / "docs" / "quickstart.md"
TORCH = Path("/opt/wheels")  # wheels that pip takes first, where this host has them
NEEDS_NETWORK = re.compile(r"\b(apt|pip install)\b")
SECONDS = 180  # a command that shows something is asked for it so long: services work meanwhile


def section_of(block: Block, lines: list[str]) -> str:
    above = lines[: block.first]
    return [line for line in above if line.startswith("## ")][-1].removeprefix("## ")


def walked(machine: Machine, step: Step) -> None:
    deadline = time.monotonic() + SECONDS
    online = bool(NEEDS_NETWORK.search(step.command))
    while True:
        sys.stdout.write(f"$ {step.command}\n")
        done = machine.run("bash", "-euc", step.command, online=online, check=step.printed is None)
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        if step.printed is None or agrees(step.printed, done.stdout.splitlines()):
            return
        if time.monotonic() > deadline:
            raise MachineError(f"{step.command} does not print what {PAGE.name} says")
        time.sleep(2)


def walk(machine: Machine) -> dict[str, float]:
    """The seconds of each section, in their order."""
    taken: dict[str, float] = {}
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for block in blocks(PAGE):
        if block.run_by != "make walk":
            continue
        section, begun = section_of(block, lines), time.monotonic()
        for step in steps(block):
            walked(machine, step)
        taken[section] = taken.get(section, 0.0) + time.monotonic() - begun
    return taken


def main(wheels: list[Path]) -> None:
    machine = Machine("newcomer")
    machine.remove()
    machine.boot(binds=[str(TORCH)] if TORCH.is_dir() else [])
    if TORCH.is_dir():
        machine.run("sh", "-c", f"printf '[global]\\nfind-links = {TORCH}\\n' >/etc/pip.conf")
    machine.copy(*wheels, into="/root")
    try:
        taken = walk(machine)
    except MachineError as error:
        sys.exit(f"WRONG: {error}\nlook at it: empty_machine shell {machine.name}")
    machine.remove()
    for section, seconds in taken.items():
        sys.stdout.write(f"| {section} | {seconds:.0f} s |\n")
    sys.stdout.write(f"| all | {sum(taken.values()):.0f} s |\n")


if __name__ == "__main__":
    main([Path(name).absolute() for name in sys.argv[1:]])
