"""Who runs this, and whose a file is: for sentences about rights."""

import grp
import os
import pwd
import stat
from pathlib import Path


def me() -> str:
    """The user of this process."""
    return _user(os.geteuid())


def whose(path: Path) -> str:
    """ ", which is 0600 root:root"; "" where not even this can be seen."""
    try:
        there = path.stat()
    except OSError:
        return ""
    mode = f"{stat.S_IMODE(there.st_mode):04o}"
    return f", which is {mode} {_user(there.st_uid)}:{_group(there.st_gid)}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"group {gid}"
