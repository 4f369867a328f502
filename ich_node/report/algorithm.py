"""What the results say about the model that read: its bundle and its operating point."""

from ich_node import __version__
from ich_node.model.bundle import Bundle
from ich_node.report.result_header import Algorithm


def algorithm_of(bundle: Bundle) -> Algorithm:
    """The text in `details` is part of the results."""
    rule = bundle.peak_rule
    return Algorithm(
        name="ich-node MIL detector",
        version=__version__,
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        details=(
            f"{bundle.network_spec.head} head; "
            f"positive from {bundle.operating_point.threshold:g}; "
            f"h {rule.min_prominence:g}, T {rule.min_likelihood:g}, d {rule.min_distance_px} px, "
            f"gate {rule.slice_gate:g}"
        ),
    )
