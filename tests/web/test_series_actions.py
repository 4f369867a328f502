"""What is done with one series on the site: the ledger afterwards, and the journal."""

import re
from html import unescape

import pytest

from ich_node.ledger import DeliveryState, JobState, ReadingState
from ich_node.web.pages.model import bundles_of
from ich_node.web.visitor import Role
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.documents.states.reported import state as reported
from tests.support.site import running_site

ACTIONS = (
    "retry", "cancel", "close", "release", "deliver", "call-off", "resend", "reread", "withdrawal",
    "withdraw", "verdict", "verdict/remove",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The tests of this file change jobs of their own."""
    with a_busy_day(tmp_path_factory.mktemp("actions")) as config, running_site(config) as site:
        yield site


@pytest.fixture
def client(site):
    with site.signed_in() as client:
        yield client


def message(page) -> str:
    found = re.search(r'<div class="message[^"]*" role="status">(.*?)</div>', page.text, re.DOTALL)
    assert found, page.text
    return unescape(found[1]).strip()


def journal(site) -> tuple[str, str, str, str]:
    """The newest event."""
    event = site.site.ledger.audit.newest(limit=1)[0]
    return event.who, event.action, event.target, event.outcome


def offered(page) -> set[str]:
    return set(re.findall(r'action="/series/\d+/([^"]+)"', page.text))


def test_a_failed_series_is_tried_again(site, client):
    """It waits to be read."""
    assert "retry" in offered(client.get("/series/6"))
    page = site.post(client, "/series/6/retry", back="/series/6")
    assert (page.url.path, message(page)) == ("/series/6", "It will be tried again.")
    assert site.site.ledger.operator.get(6).state is JobState.WAITING
    assert journal(site) == ("Ada", "retry", "job 6", "done")
    assert "retry" not in offered(page)


def test_a_held_series_is_released(site, client):
    """By the visitor, whom the job's story names."""
    assert "release" in offered(client.get("/series/8"))
    page = site.post(client, "/series/8/release", back="/series/8")
    assert message(page) == "The series is released, and will be read."
    job = site.site.ledger.operator.get(8)
    assert (job.state, job.released_at is None) == (JobState.WAITING, False)
    assert "released</strong> by hand, by Ada" in page.text
    again = site.post(client, "/series/8/release", back="/series/8")
    assert message(again) == "job 8 is waiting: only a held job can be released"
    assert journal(site) == ("Ada", "release", "/series/8", "refused")


def test_a_series_is_closed_and_cancelled(site, client):
    """While it waits; then neither is possible."""
    assert {"close", "cancel"} <= offered(client.get("/series/9"))
    page = site.post(client, "/series/9/close", back="/series/9")
    assert message(page) == "The series counts as complete, and is read next."
    assert site.site.ledger.operator.get(9).ready_at <= site.site.clock()
    page = site.post(client, "/series/9/cancel", back="/series/9")
    assert message(page) == "The series is cancelled: it is not read."
    assert site.site.ledger.operator.get(9).state is JobState.CANCELLED
    assert offered(page) >= {"retry"}
    assert not offered(page) & {"close", "cancel"}
    page = site.post(client, "/series/9/cancel", back="/series/9")
    assert message(page) == "job 9 is cancelled: only a waiting job can be cancelled"


def test_what_is_owed_is_delivered_now_called_off_and_sent_again(site, client):
    """To one destination, or to all."""

    def states(number: int) -> dict[str, set[DeliveryState]]:
        found: dict[str, set[DeliveryState]] = {}
        for each in site.site.ledger.operator.deliveries(number):
            found.setdefault(each.destination, set()).add(each.state)
        return found

    assert offered(client.get("/series/7")) >= {"deliver", "call-off", "resend"}
    page = site.post(client, "/series/7/deliver", back="/series/7")
    assert message(page) == "2 objects for pacs are delivered now."
    owed = [each for each in site.site.ledger.operator.deliveries(7) if each.destination == "pacs"]
    assert all(each.next_at <= site.site.clock() for each in owed)
    page = site.post(client, "/series/7/call-off", destination="pacs", back="/series/7")
    assert message(page) == "2 objects for pacs will never be delivered."
    assert states(7) == {"pacs": {DeliveryState.CANCELLED}, "ris": {DeliveryState.SENT}}
    assert journal(site) == ("Ada", "cancel deliveries", "job 7", "done")
    page = site.post(client, "/series/7/resend", destination="pacs", back="/series/7")
    assert message(page) == "2 objects are sent again to pacs."
    assert states(7)["pacs"] == {DeliveryState.PENDING}
    page = site.post(client, "/series/2/resend", back="/series/2")
    assert message(page) == "3 objects are sent again to pacs, ris."
    assert journal(site) == ("Ada", "resend", "job 2", "done")
    page = site.post(client, "/series/3/resend", back="/series/3")
    assert message(page) == "job 3: there is nothing to send again"
    page = site.post(client, "/series/7/resend", destination="pac", back="/series/7")
    assert message(page).startswith("there is no destination 'pac'; did you mean 'pacs'?")


def test_verdicts_of_the_visitor(site, client):
    """One a reader: the next replaces it; a comment needs the files, which it is compared with."""

    def said() -> list[tuple[bool | None, str, str, str]]:
        found = site.site.ledger.verdicts.of_job(4)
        return [(each.bleeding, each.type, each.who, each.origin) for each in found]

    page = site.post(client, "/series/4/verdict", bleeding="yes", type="subdural", back="/series/4")
    assert message(page) == "Your verdict is noted: bleeding, subdural."
    assert said() == [(True, "subdural", "Ada", "site")]
    assert journal(site) == ("Ada", "verdict", "job 4", "done")
    site.post(client, "/series/4/verdict", bleeding="no", type="subdural", back="/series/4")
    assert said() == [(False, "", "Ada", "site")]
    page = site.post(client, "/series/4/verdict", bleeding="quality", back="/series/4")
    assert said() == [(None, "quality", "Ada", "site")]
    assert "<strong>bad quality</strong>" in page.text
    wrong = {
        "give what was meant": ({"bleeding": "perhaps"}, "there is no verdict 'perhaps'"),
        "a type": ({"bleeding": "yes", "type": "subdurl"}, "the type is one of"),
        "a comment": ({"bleeding": "no", "comment": "x"}, "a comment cannot be checked"),
        "too long": ({"bleeding": "no", "comment": "x" * 201}, "comment has more than 200"),
    }
    for fields, sentence in wrong.values():
        assert sentence in message(site.post(client, "/series/4/verdict", back="/", **fields))
    assert said() == [(None, "quality", "Ada", "site")]
    page = site.post(client, "/series/4/verdict/remove", back="/series/4")
    assert (message(page), said()) == ("Your verdict is removed.", [])
    page = site.post(client, "/series/4/verdict/remove", back="/series/4")
    assert message(page) == "job 4 has no verdict that Ada gave here"


def test_what_is_not_possible_is_not_offered(site, client):
    """And refused with the ledger's sentence if it is asked for all the same."""
    assert offered(client.get("/series/1")) == {"resend", "reread", "withdrawal", "verdict"}
    page = site.post(client, "/series/1/retry", back="/series/1")
    assert message(page) == "job 1 is done: there is nothing to try again"
    assert journal(site) == ("Ada", "retry", "/series/1", "refused")
    page = site.post(client, "/series/70/retry", back="/series")
    assert message(page) == "there is no job 70"


def test_every_model_that_could_read_is_offered_to_read_again(site, client):
    """Also one that has read nothing yet, such as the shipped one."""
    choices = re.findall(r'<option value="(\w{64})"', client.get("/series/1").text)
    others = [each.sha256 for each in bundles_of(site.site)[1:] if each.header]
    assert choices == others


def test_who_may_only_look_changes_nothing(site):
    """No action is offered to them, and each is turned away."""
    with site.signed_in(Role.LOOK) as client:
        for number in (1, 3, 7):
            assert offered(client.get(f"/series/{number}")) == set()
        before = site.site.ledger.operator.list()
        for action in ACTIONS:
            fields = {"bleeding": "no", "code": "quality", "reason": "x"}
            assert site.post(client, f"/series/1/{action}", **fields).status_code == 403
        assert site.site.ledger.operator.list() == before


def test_a_model_that_is_unknown_reads_nothing_again(site, client):
    """The command line says what there is."""
    page = site.post(client, "/series/2/reread", bundle="--help", back="/series/2")
    assert "'--help' is neither a bundle file nor a model of this node" in message(page)
    assert site.site.ledger.rereading.of_job(2) == []
    assert journal(site) == ("Ada", "reread", "/series/2", "refused")


@pytest.mark.extended
def test_a_series_is_read_again_by_the_command_line(site, client):
    """By the model that reads now."""
    page = site.post(client, "/series/2/reread", back="/series/2")
    assert "1 series will be read again by" in message(page)
    (reading,) = site.site.ledger.rereading.of_job(2)
    assert (reading.state, reading.who) == (ReadingState.WAITING, "Ada (site)")
    assert journal(site) == ("Ada", "reread", "job 2", "done")


def test_an_answer_is_withdrawn_after_a_look_at_who_has_it(tmp_path):
    """The reason is asked for, who would hear of it is shown, and then it is done."""
    with reported(tmp_path) as config, running_site(config) as site, site.signed_in() as client:
        page = site.post(client, "/series/1/withdrawal", code="quality", reason=" ")
        assert "give the reason" in page.text
        page = site.post(client, "/series/1/withdrawal", code="qualty", reason="motion")
        assert "there is no code &#39;qualty&#39;; did you mean &#39;quality&#39;?" in page.text
        page = site.post(client, "/series/1/withdrawal", code="quality", reason="motion")
        assert "a rejection note of 3 objects to pacs" in page.text
        assert "This cannot be undone." in page.text
        assert site.site.ledger.operator.get(1).withdrawn_at is None
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        assert fields["reason"] == "motion"
        page = site.post(client, "/series/1/withdraw", **fields)
        job = site.site.ledger.operator.get(1)
        assert (job.withdrawn_code, job.withdrawn_reason) == ("quality", "motion")
        assert job.withdrawn_by == "Ada (site)"
        assert "job 1 is withdrawn" in message(page)
        assert "The answer was withdrawn." in page.text
        assert journal(site) == ("Ada", "withdraw", "job 1", "done")
        assert not offered(page) & {"withdrawal", "resend"}
