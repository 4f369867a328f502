"""What the results say about the model that read: its bundle and its operating point."""

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ich_node import __version__
from ich_node.errors import BundleError
from ich_node.model.bundle_file import read_header
from ich_node.report.result_header import Algorithm

if TYPE_CHECKING:  # it imports torch, which the sender must not
    from ich_node.model.bundle import Bundle

NAME = "ich-node MIL detector"

log = structlog.get_logger(__name__)


def algorithm_of(bundle: "Bundle") -> Algorithm:
    """The text in `details` is part of the results."""
    rule = bundle.peak_rule
    return Algorithm(
        name=NAME,
        version=__version__,
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        details=(
            f"{bundle.network_spec.head} head; "
            f"positive from {bundle.operating_point.threshold:g}; "
            f"h {rule.min_prominence:g}, T {rule.min_likelihood:g}, d {rule.min_distance_px} px, "
            f"gate {rule.slice_gate:g}"
        ),
        demonstration=bundle.demonstration,
    )


def algorithm_of_file(path: Path) -> Algorithm:
    """The model that was to read a series without an answer, from the header of its file. A file
    that cannot be used is a reason why nothing is read, not one to say nothing.
    """
    try:
        header = read_header(path)
    except BundleError as error:
        log.warning("bundle_unreadable", detail=error.detail)
        return Algorithm(
            name=NAME, version=__version__, bundle_name="none", bundle_sha256="", details="none"
        )
    return Algorithm(
        name=NAME,
        version=__version__,
        bundle_name=header.name,
        bundle_sha256=header.sha256,
        details="did not read the series",
        demonstration=header.demonstration,
    )
