"""Where the log goes. The journal rotates itself; a file that a drop-in names needs logrotate."""

import re
from collections.abc import Iterator
from pathlib import Path

from ich_node.service import places
from ich_node.service.files import OurFile, Rights
from ich_node.service.machine import Machine
from ich_node.service.stamp import stamped

INTO_FILE = re.compile(r"^Standard(?:Error|Output)\s*=\s*(?:append|file|truncate):(\S+)", re.M)
ROTATED = """\
{files} {{
    weekly
    rotate 13
    maxsize 200M
    compress
    delaycompress
    missingok
    notifempty
    copytruncate
}}
"""
PERSISTENT = re.compile(r"^\s*Storage\s*=\s*persistent\s*$", re.M)


def log_files(machine: Machine) -> list[str]:
    """What drop-ins send the log of the services to, instead of the journal."""
    found = set()
    for folder in machine.at(places.UNITS).glob("ich-node-*.service.d"):
        for drop_in in folder.glob("*.conf"):
            found |= set(INTO_FILE.findall(drop_in.read_text(encoding="utf-8", errors="replace")))
    return sorted(found)


def logrotate_file(machine: Machine, *, replace: bool) -> OurFile | None:
    """None: the journal has the log."""
    files = log_files(machine)
    if not files:
        return None
    return OurFile(
        machine=machine,
        path=places.LOGROTATE,
        text=stamped(ROTATED.format(files=" ".join(files)), "it names the files of the drop-ins"),
        rights=Rights(mode=0o644),
        instead="Move what differs into a file of its own",
        like=f"drop-ins write the log to {', '.join(files)}: a week a file, a quarter of a year",
        replace=replace,
    )


def notes(machine: Machine) -> Iterator[str]:
    """What the administrator should know about the log."""
    if log_files(machine):
        if not machine.at(Path("/usr/sbin/logrotate")).exists():
            yield (
                "the log goes to files, and there is no logrotate: they grow until the disk is"
                " full. apt install logrotate, or dnf install logrotate"
            )
        return
    if not machine.at(Path("/var/log/journal")).is_dir() and not _is_persistent(machine):
        yield (
            "the journal of this machine is kept in memory only, so the log is gone after a"
            " restart: mkdir -p /var/log/journal && systemctl restart systemd-journald keeps it"
        )


def _is_persistent(machine: Machine) -> bool:
    folder = machine.at(Path("/etc/systemd"))
    files = (folder / "journald.conf", *sorted((folder / "journald.conf.d").glob("*.conf")))
    return any(
        PERSISTENT.search(file.read_text(encoding="utf-8", errors="replace"))
        for file in files
        if file.exists()
    )
