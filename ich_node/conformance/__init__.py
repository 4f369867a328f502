"""The DICOM conformance statement (PS3.2), written from the code: the two cannot differ."""

from ich_node import __version__
from ich_node.conformance.acceptor import acceptor_lines
from ich_node.conformance.created import created_lines
from ich_node.conformance.overview import overview_lines
from ich_node.conformance.requestor import requestor_lines
from ich_node.conformance.settings import settings_lines
from ich_node.conformance.support import support_lines
from ich_node.dicom.identity import FOR_RESEARCH_USE, PRODUCT

INTRODUCTION = (
    "# DICOM conformance statement",
    "",
    f"{PRODUCT} {__version__}. {FOR_RESEARCH_USE}",
    "",
    "Written by `ich-node conformance` from the code itself; do not edit it by hand. It has the"
    " contents that PS3.2 asks for, in"
    " its order: overview, network (what is accepted, what is requested, configuration), character"
    " sets, security, objects that"
    " are made. Settings in `[brackets]` are those of config.toml. It is no validation and no"
    " promise that two systems work"
    " together: that is tried on site.",
    "",
)


def statement() -> str:
    """The statement as Markdown."""
    parts = (
        INTRODUCTION,
        overview_lines(),
        acceptor_lines(),
        requestor_lines(),
        settings_lines(),
        support_lines(),
        created_lines(),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"
