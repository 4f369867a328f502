"""The Python packages of this installation beside the set that passed the tests."""

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ich_node.doctor.complaint import Complaint
from ich_node.shipped import shipped

PRODUCT = "ich-node"
TOOLS = ("pip", "setuptools", "wheel")  # of the virtual environment: nothing of ours imports them
REPAIR = "Install ich-node again (docs/install.md)."


def about_packages() -> Iterator[Complaint]:
    """What is missing, or not in the range that we allow."""
    installed = _installed()
    for requirement in _requirements():
        have = installed.get(canonicalize_name(requirement.name))
        if have is None:
            yield Complaint(sentence=f"{requirement.name} is not installed.", remedy=REPAIR)
        elif not requirement.specifier.contains(have, prereleases=True):
            yield Complaint(
                sentence=f"{requirement.name} is {have}; ich-node needs {requirement.specifier}.",
                remedy=REPAIR,
            )


def not_as_tested() -> str:
    """The packages that are in the range, and differ from the tested set; "" if there are none."""
    installed = _installed()
    other = [
        f"{name} {installed[name]} (tested: {version})"
        for name, version in tested().items()
        if name in installed and name not in TOOLS and installed[name].partition("+")[0] != version
    ]
    return f"other versions than those that were tested: {', '.join(other)}" if other else ""


def _installed() -> dict[str, str]:
    """Of two of one name, e.g. one that a user has for himself, the first is imported."""
    found: dict[str, str] = {}
    for each in metadata.distributions():
        if each.metadata["Name"]:
            found.setdefault(canonicalize_name(each.metadata["Name"]), each.version)
    return found


def tested() -> dict[str, str]:
    """Name (canonical) and version of each package in constraints.txt."""
    lines = shipped("constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version.strip() for name, version in pairs}


def _requirements() -> Iterator[Requirement]:
    """What the node cannot work without: no extras."""
    for written in metadata.requires(PRODUCT) or ():
        try:
            requirement = Requirement(written)
        except InvalidRequirement:  # of a tool that writes metadata in its own way
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement
