"""Which UIDs this node accepts from others, and may therefore write to files, logs and answers."""

import re

# PS3.5 §9.1, less strict: a component with a leading zero is illegal but common, and harmless.
LEGAL_UID = re.compile(r"[0-9][0-9.]{0,63}")


def is_legal_uid(uid: str) -> bool:
    """Whether it consists of digits and dots, 64 characters at most."""
    return LEGAL_UID.fullmatch(uid) is not None
