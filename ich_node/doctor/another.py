"""Whether this looks at the installation whose services run on this machine."""

from collections.abc import Iterator
from pathlib import Path

from ich_node.doctor.complaint import Complaint
from ich_node.service import places


def about_another_installation(config_path: Path | None) -> Iterator[Complaint]:
    """Root who calls the program by its path has another configuration and another folder than the
    services.
    """
    folders = (places.UNITS, *places.PACKAGED_UNITS)
    if not any((folder / places.SERVICES[0]).exists() for folder in folders):
        return
    if config_path is None or config_path.absolute() != places.CONFIG:
        mine = "built-in settings" if config_path is None else str(config_path.absolute())
        yield Complaint(
            sentence=f"This looks at {mine}; the services of this machine read {places.CONFIG}.",
            remedy="Call `ich-node doctor` by its name, without --config: it has their settings.",
        )
