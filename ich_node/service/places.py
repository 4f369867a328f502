"""Where the parts of an installed service lie. The units and the command for people name the same
places.
"""

from pathlib import Path

USER = "ich-node"
STATE = Path("/var/lib/ich-node")
CONFIG_FOLDER = Path("/etc/ich-node")
CONFIG = CONFIG_FOLDER / "config.toml"
TLS = CONFIG_FOLDER / "tls"
UNITS = Path("/etc/systemd/system")
PACKAGED_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
COMMAND = Path("/usr/local/bin/ich-node")
LOGROTATE = Path("/etc/logrotate.d/ich-node")
PREFIX = Path("/opt/ich-node")  # as the shipped units and the command have it
TARGET = "ich-node.target"
SERVICES = tuple(f"ich-node-{name}.service" for name in ("receive", "analyse", "send", "web"))
