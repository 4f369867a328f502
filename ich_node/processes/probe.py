"""`ich-node ready [NAME]` by the files of ICHNODE_RUN: for probes, which ask every few seconds.

It answers in a few hundredths of a second; the command that asks the ledger imports for a second.
"""

import socket
from collections.abc import Mapping, Sequence

from ich_node.processes.beat_file import RUN_VARIABLE, Beat, BeatFolder

NAMES = ("receive", "analyse", "send", "web")
READY, NOT_READY = 0, 1


def probe(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, Sequence[str]] | None:
    """The exit code and what is said; None if this is another command, or no such folder is named:
    then the command line answers.
    """
    is_ours = len(arguments) in (1, 2) and arguments[0] == "ready" and environment.get(RUN_VARIABLE)
    if not is_ours or not set(arguments[1:]) <= set(NAMES):
        return None
    try:
        beats = BeatFolder.of_environment(environment).all()
    except OSError as error:
        return NOT_READY, [f"{RUN_VARIABLE}: {error.filename}: {error.strerror}"]
    asked = [beat for beat in beats if beat.service == arguments[1]] if arguments[1:] else beats
    if not asked:
        what = f"{arguments[1]} is not ready: no process of it" if arguments[1:] else "no service"
        return NOT_READY, [f"{what} has a heartbeat on {socket.gethostname()}"]
    is_each_ready = all(beat.is_alive and beat.is_ready for beat in asked)
    return READY if is_each_ready else NOT_READY, [_sentence(beat) for beat in asked]


def _sentence(beat: Beat) -> str:
    known = sorted(item for item in beat.facts.items() if item[1] is not None)
    facts = ", ".join(f"{key} {value}" for key, value in known)
    said = f"process {beat.pid} on {socket.gethostname()}, heartbeat {beat.age_seconds:.1f} s ago"
    said += f": {facts}" if facts else ""
    if beat.is_alive and beat.is_ready:
        return f"{beat.service} is ready ({said})"
    why = "does not do its work" if beat.is_alive else "has no heartbeat any more"
    return f"{beat.service} is not ready: it {why} ({said})"
