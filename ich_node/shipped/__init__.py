"""Files of the project that a wheel carries, too: the template of config.toml, units, alerts,
dashboard, the exact set of packages. In the source tree they are links to their places.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable


def shipped(name: str) -> Traversable:
    """name: its path in the project, e.g. "systemd/ich-node-receive.service"."""
    return files(__name__).joinpath(*name.split("/"))
