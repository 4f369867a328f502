"""Lines of the log, with only the fields of which it is known what they hold. What is no line of
this node is left out.
"""

import json
import shutil
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ich_node.errors import ConfigError
from ich_node.support.settings import without_secrets
from ich_node.support.support_file import SupportFile, without_home

MOST_LINES = 20_000
JOURNAL = ("--unit=ich-node*", "--since=-7d", "--output=cat", "--no-pager", f"--lines={MOST_LINES}")
# UIDs, codes, numbers, names in the configuration, and sentences of this node, which quote nothing
# of a patient (docs/reliability.md). A test knows that every field of the code is here or below.
SAFE = frozenset(
    """
    action added address advice ae_title after_seconds again_in_seconds alert announced_bytes at
    attempt attempts before began calling_ae category committed config copy count days deliveries
    detail device ended engine error event exception exit_status failed in_favour_of is_taken job
    jobs key kind left_out level limit_bytes loop max_attempts mistakes name needs next_at objects
    older_processes others outcomes page passed pid port positive process processes reason results
    rule schema seconds section series_instance_uid series_probability settings sha256 shift_hu
    since slices sop_class_uid sop_instance_uid source sources status study_instance_uid subject
    target task thread threads timestamp tls told transaction_uid until used_percent verdicts
    """.split()  # noqa: SIM905  # one word after the other is easier to read
)
# What a person has typed, names of persons, and answers of services that are no DICOM peers.
LEFT_OUT = frozenset({"answer", "who", "why"})


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """path: of a file with the log; None: the journal of systemd, if there is one."""

    path: Path | None = None

    @contextmanager
    def lines(self) -> Iterator[Iterable[str]]:
        """Raises ConfigError if the file cannot be read."""
        if self.path is not None:
            try:
                file = self.path.open(encoding="utf-8", errors="replace")
            except OSError as error:
                raise ConfigError(f"--log: cannot read {self.path}: {error.strerror}") from error
            with file:
                yield file
            return
        program = shutil.which("journalctl")
        if program is None:
            yield ()
            return
        command = [program, *JOURNAL]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            yield process.stdout


def log_part(source: LogSource) -> SupportFile:
    """The newest lines. Raises ConfigError."""
    kept: deque[str] = deque(maxlen=MOST_LINES)
    left_out = 0
    with source.lines() as lines:
        for line in lines:
            safe = safe_line(line)
            if safe is None:
                left_out += 1
            else:
                kept.append(safe)
    where = source.path.name if source.path is not None else "the journal"
    what = f"{len(kept)} lines of {where}; {left_out} of others are left out"
    if not kept and source.path is None:
        what = "nothing: run this as root to read the journal, or give --log FILE"
    return SupportFile(name="log.jsonl", what=what, text="".join(f"{line}\n" for line in kept))


def safe_line(line: str) -> str | None:
    """None if it is no line of this node."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not {"event", "level", "timestamp"} <= fields.keys():
        return None
    # a library's event is a text that it has made of its values; ours are names
    if not isinstance(fields["event"], str) or not fields["event"].isidentifier():
        return None
    kept: dict[str, Any] = {name: value for name, value in fields.items() if name in SAFE}
    return without_home(without_secrets(json.dumps(kept, ensure_ascii=False, default=str)))
