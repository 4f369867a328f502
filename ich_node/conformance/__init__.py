"""The DICOM conformance statement (PS3.2), written from the code, so that they cannot differ."""

from ich_node import __version__
from ich_node.config.config import Config
from ich_node.config.settings import ScpSettings
from ich_node.conformance.acceptor import acceptor_lines
from ich_node.conformance.created import created_lines
from ich_node.conformance.markdown import wrapped
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
    "`ich-node conformance` writes this statement from the code; do not edit it by hand. It has the"
    " contents that PS3.2 requires, in its order: overview, network (accepted associations,"
    " requested associations, configuration), character sets, security, created objects."
    " Settings in `[brackets]` are those of config.toml. This statement is no validation, and it"
    " does not guarantee that two systems work together: test it on site.",
    "",
)


def statement(config: Config | None = None) -> str:
    """The statement as Markdown. config: of the node that it is about; None: of any."""
    parts = (
        INTRODUCTION,
        overview_lines(),
        acceptor_lines(ScpSettings() if config is None else config.scp),
        requestor_lines(),
        settings_lines(config),
        support_lines(),
        created_lines(),
    )
    lines = (short for part in parts for line in part for short in wrapped(line))
    return "\n".join(lines).rstrip() + "\n"
