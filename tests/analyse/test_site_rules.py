"""What the rules of a site do to jobs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from ich_node.ledger import JobState
from ich_node.model.detector import Detector
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules
from tests.support.analysing import AnalysingNode
from tests.support.heads import head_series, head_slice
from tests.support.node import open_node

MINUTE = timedelta(minutes=1)


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        yield opened


def rule(name: str, action: Any, reason: str = "", **conditions: Any) -> RuleOfSite:
    return RuleOfSite(name=name, action=action, reason=reason, conditions=Conditions(**conditions))


def use(node: AnalysingNode, *rules: RuleOfSite) -> None:
    node.use_site_rules(SiteRules(rules=rules))


QA = rule("qa", "hold", quality_control_image=True)


def test_a_rule_refuses_and_the_job_names_it(node):
    """The reason is the site's; the description that it matched is in no log."""
    use(node, rule("no-perf", "refuse", "read elsewhere", description=("*perf*",)))
    node.receive(head_series(SeriesDescription="Perfusion Doe"))
    with capture_logs() as logs:
        assert node.read_next()
    assert (node.job.state, node.job.reason) == (JobState.REFUSED, "site_rule")
    assert (node.job.rule, node.job.detail) == ("no-perf", "read elsewhere (rule no-perf)")
    assert "Perfusion" not in str(logs)


def test_a_shipped_rule_is_named_too(node):
    """Also by the reason of its refusal."""
    node.receive(head_series(ConvolutionKernel="BONE"))
    assert node.read_next()
    assert (node.job.reason, node.job.rule) == ("bone_kernel", "bone-kernel")


def test_a_rule_reads_what_a_shipped_rule_refuses(node):
    """The source says which; other sources are refused as before."""
    use(node, rule("our-bone", "read", source=("modality",), kernel=("BONE",)))
    node.receive(head_series(ConvolutionKernel="BONE"))
    assert node.read_next()
    assert (node.job.state, node.job.rule) == (JobState.DONE, "our-bone")


def test_a_rule_holds_until_an_operator_releases(node):
    """Late slices of a released series are not held again."""
    use(node, QA)
    node.receive(head_series(QualityControlImage="YES"))
    assert node.read_next()
    held = node.job
    assert (held.state, held.rule) == (JobState.HELD, "qa")
    assert held.held_until == node.clock.now + 60 * MINUTE
    assert held.detail == "a rule of the site holds the series (rule qa)"
    assert not node.read_next()
    node.ledger.holds.release(held.id, now=node.clock.now, who="jo")
    assert node.read_next()
    assert (node.job.id, node.job.state, node.job.rule) == (held.id, JobState.DONE, None)
    node.receive([head_slice(12, count=13, QualityControlImage="YES")])
    assert node.read_next()
    assert (node.job.revision, node.job.state) == (2, JobState.DONE)


def test_late_slices_of_a_held_series_are_held_again(node):
    """The later revision waits for the operator, the earlier one is over."""
    use(node, QA)
    node.receive(head_series(QualityControlImage="YES"))
    assert node.read_next()
    node.receive([head_slice(12, count=13, QualityControlImage="YES")])
    assert node.read_next()
    later, first = node.ledger.operator.list()
    assert (later.state, first.state) == (JobState.HELD, JobState.CANCELLED)


def test_what_is_held_or_refused_is_not_previewed(node):
    """It would move to the lane of suspected series."""
    use(node, QA)
    node.receive(head_series(QualityControlImage="YES"), ready_in=MINUTE)
    detector = Detector(node.active_bundle.current())
    assert node.analyser.previewer.preview_next(detector)
    assert not node.ledger.reading.previews.answers(
        node.job, bundle_sha256=node.active_bundle.current().sha256, engine="torch"
    )
