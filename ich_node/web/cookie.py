"""The cookie of a session."""

from ich_node.web.caller import WebCaller

COOKIE = "ich-node"


def cookie_name(caller: WebCaller) -> str:
    """A browser takes the longer name only over TLS, from this host alone, for all paths."""
    return f"__Host-{COOKIE}" if caller.is_encrypted else COOKIE


def cookie_header(caller: WebCaller, value: str) -> str:
    """value: "" removes it."""
    ends = "" if value else "; Max-Age=0"
    secure = "; Secure" if caller.is_encrypted else ""
    return f"{cookie_name(caller)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{ends}"
