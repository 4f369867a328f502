"""Who gives a command: the ledger keeps who did what."""

import getpass
import os

WHO = "ICH_NODE_WHO"


def who() -> str:
    """The user of this machine; or whom the site names, which runs commands for its visitors."""
    return os.environ.get(WHO) or getpass.getuser()
