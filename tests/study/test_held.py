"""A head that a rule of the site holds: who is told, and when."""

from datetime import timedelta

from ich_node.ledger import JobState
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules
from tests.support.analysing import MINUTE
from tests.support.study_answers import answers_of, documents_of, read_all, told, told_to
from tests.support.study_series import reconstruction

EVERYBODY = {"ris", "phone"}
HOUR = timedelta(hours=1)


def use(node, **rule):
    conditions = Conditions(kernel=("H31s",))
    node.use_site_rules(SiteRules(rules=(RuleOfSite(conditions=conditions, **rule),)))


def sr_of(calm):
    """The bytes of the one SR."""
    (path,) = documents_of(calm)
    return calm.spool.read(path).decode("latin-1")


def test_a_refusal_by_a_rule_is_told_like_any_other(calm):
    """With the site's own words, in the SR and in the message."""
    use(calm, name="no-h31", action="refuse", reason="read by the trauma team")
    calm.receive(reconstruction(2))
    read_all(calm)
    assert calm.make_teller().tell_refused(calm.clock.now) == 1
    (message,) = told(calm)
    assert (message.refused.reason, message.refused.detail) == (
        "site_rule",
        "read by the trauma team (rule no-h31)",
    )
    assert told_to(calm) == [EVERYBODY]
    assert "read by the trauma team (rule no-h31)" in sr_of(calm)


def test_a_hold_that_nobody_ends_is_told_once_and_not_as_overdue(calm):
    """Neither before its time is over, nor afterwards."""
    use(calm, name="qa", action="hold", hold_minutes=45)
    calm.receive(reconstruction(2))
    read_all(calm)
    teller = calm.make_teller()
    calm.clock.now += 44 * MINUTE
    assert (teller.tell_overdue(calm.clock.now), calm.ledger.holds.end_over(calm.clock.now)) == (
        0,
        0,
    )
    calm.clock.now += MINUTE
    assert calm.ledger.holds.end_over(calm.clock.now) == 1
    assert teller.tell_refused(calm.clock.now) == 1
    (message,) = told(calm)
    assert (message.refused.reason, message.refused.detail) == (
        "held",
        "held by rule qa, and nobody released it within 45 minutes",
    )
    assert told_to(calm) == [EVERYBODY]
    assert "held by rule qa" in sr_of(calm)
    assert (teller.tell_overdue(calm.clock.now + HOUR), len(told(calm))) == (0, 1)


def test_the_answer_of_a_released_head_replaces_what_was_told(calm):
    """An operator may release it when its time is over."""
    use(calm, name="qa", action="hold", hold_minutes=45)
    calm.receive(reconstruction(2))
    read_all(calm)
    calm.clock.now += HOUR
    calm.ledger.holds.end_over(calm.clock.now)
    calm.make_teller().tell_refused(calm.clock.now)
    calm.ledger.holds.release(calm.job.id, now=calm.clock.now, who="jo")
    assert calm.make_teller().tell_overdue(calm.clock.now) == 0
    read_all(calm)
    assert calm.job.state is JobState.DONE
    assert answers_of(calm) == {2: "absent"}


def test_another_reconstruction_is_read_while_the_best_is_held(calm):
    """It had been set aside for it."""
    use(calm, name="qa", action="hold")
    calm.receive(reconstruction(2, 5, ConvolutionKernel="H31s"))
    calm.receive(reconstruction(3, 2.5, ConvolutionKernel="J40s"))
    read_all(calm)
    assert answers_of(calm) == {2: "held", 3: "absent"}
