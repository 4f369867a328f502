"""What is owed to the destinations: filters, actions, and what they leave in ledger and journal."""

import csv
import io
from datetime import timedelta

import pytest

from ich_node.ledger import DeliveryState
from ich_node.ledger.pauses import to_destination
from ich_node.web.visitor import Role
from tests.web.test_refused import table_of, text_of

PENDING, FAILED, CANCELLED = DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.CANCELLED
LINE = "7 PENDING pacs"


def states(site, job_id=7, destination="pacs") -> set[DeliveryState]:
    """Of the job's results for the destination: job 7 owes the archive three objects."""
    owed = site.site.ledger.operator.deliveries(job_id)
    return {each.state for each in owed if each.destination == destination}


def event(site):
    """The newest of the journal: action, target, outcome."""
    newest = site.site.ledger.audit.newest()[0]
    assert newest.who == "Ada"
    return newest.action, newest.target, newest.outcome


def give_up(site) -> None:
    """What the archive is owed has been tried for a day."""
    ledger, now = site.site.ledger, site.site.clock() + timedelta(hours=1)
    lease = timedelta(minutes=2)
    claimed = ledger.delivery.claim_deliveries(owner="me", now=now, lease=lease, limit=100)
    ids = [each.id for each in claimed]
    ledger.delivery.give_up(ids, owner="me", now=now, detail="=cmd|' /C calc'!A0")


def test_destinations_are_cards_with_what_they_are_owed(busy_site):
    """Kind, address, whether they answer, how much is owed and since when."""
    now = busy_site.site.clock()
    answered = busy_site.site.ledger.destination_states.answered
    answered("pacs", is_up=False, detail="connection refused", now=now - timedelta(hours=1))
    answered("pacs", is_up=False, detail="connection refused", now=now)
    with busy_site.signed_in(Role.LOOK) as client:
        said = text_of(client.get("/owed"))
        assert (
            "pacs down PACS at 127.0.0.1:104 · gets objects 2 owed of 1 job oldest 45 min" in said
        )
        assert "last answer" in said
        assert "ris not asked yet HL7 at 127.0.0.1:2575 · gets messages 0 owed" in said
        assert "Deliver now" not in said
        assert 'name="line"' not in client.get("/owed").text


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("", 1),
        ("destination=pacs", 1),
        ("destination=ris", 0),
        ("destination=gone", 0),
        ("state=pending", 1),
        ("state=failed", 0),
        ("state=nonsense", 1),
        ("older=30min", 1),
        ("older=2h", 0),
        ("destination=pacs&state=pending&older=30min", 1),
    ],
)
def test_lines_are_filtered_and_downloaded(busy_site, query, lines):
    """By destination, state and age; the file has the same lines."""
    with busy_site.signed_in(Role.LOOK) as client:
        table = table_of(client.get(f"/owed?{query}"))
        assert [row[:3] for row in table] == [["7", "pacs", "2"]] * lines
        answer = client.get(f"/owed.csv?{query}")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["job_id"], row["state"]) for row in rows] == [("7", "PENDING")] * lines


def test_a_length_of_time_that_is_none_is_named(busy_site):
    with busy_site.signed_in() as client:
        for path in ("/owed?older=2m", "/owed.csv?older=2m"):
            answer = client.get(path)
            assert answer.status_code == 400
            assert "did you mean 2min (minutes) or 60d (months)?" in answer.text


def test_what_was_given_up_is_delivered_anew(fresh_site):
    """The chosen line, a destination, or all that the filter finds."""
    give_up(fresh_site)
    with fresh_site.signed_in() as client:
        failed = table_of(client.get("/owed?state=failed"))
        assert "given up" in failed[0][4]
        assert "2 given up" in text_of(client.get("/owed"))
        file = client.get("/owed.csv?state=failed").text
        assert "'=cmd" in file
        for fields in (
            {"line": "7 FAILED pacs"},
            {"all": "1", "destination": "pacs"},
            {"all": "1", "state": "failed"},
        ):
            assert states(fresh_site) == {FAILED}
            said = text_of(fresh_site.post(client, "/owed/retry", **fields))
            assert "Due now: 2 objects to pacs." in said
            assert states(fresh_site) == {PENDING}
            assert event(fresh_site) == ("retry deliveries", "destination pacs", "done")
            give_up(fresh_site)
        nothing = fresh_site.post(client, "/owed/retry", all="1", destination="ris")
        assert "Nothing of this waits to be delivered." in text_of(nothing)


def test_deliveries_are_cancelled_after_a_question_with_counts(fresh_site):
    """The question changes nothing; who may only look is not asked."""
    with fresh_site.signed_in() as client:
        fields = {"line": LINE, "back": "/owed?state=pending"}
        asked = fresh_site.post(client, "/owed/cancel/preview", **fields)
        assert "2 objects to pacs" in text_of(asked)
        assert "Cancel 2 objects" in text_of(asked)
        assert f'name="line" value="{LINE}"' in asked.text
        assert states(fresh_site) == {PENDING}
        whole = fresh_site.post(client, "/owed/cancel/preview", all="1", destination="pacs")
        assert 'name="all" value="1"' in whole.text
        done = fresh_site.post(client, "/owed/cancel", **fields)
        assert done.url.query == b"state=pending"
        assert "Cancelled, never to be delivered: 2 objects to pacs." in text_of(done)
        assert states(fresh_site) == {CANCELLED}
        assert event(fresh_site) == ("cancel deliveries", "destination pacs", "done")
        again = fresh_site.post(client, "/owed/cancel", line=LINE)
        assert "There was nothing to cancel." in text_of(again)
        nothing = fresh_site.post(client, "/owed/cancel/preview", all="1", destination="ris")
        assert "There is nothing to cancel." in text_of(nothing)


def test_what_is_being_sent_cannot_be_cancelled(fresh_site):
    ledger = fresh_site.site.ledger
    now = fresh_site.site.clock() + timedelta(hours=1)
    ledger.delivery.claim_deliveries(owner="me", now=now, lease=timedelta(minutes=2), limit=100)
    with fresh_site.signed_in() as client:
        said = text_of(fresh_site.post(client, "/owed/cancel/preview", all="1"))
        assert "2 objects are being sent now and cannot be cancelled." in said
        assert "There is nothing to cancel." in said


def test_a_form_without_a_choice_says_so(fresh_site):
    """Also one with lines that there never were."""
    with fresh_site.signed_in() as client:
        for path in ("/owed/retry", "/owed/cancel", "/owed/cancel/preview"):
            assert "choose at least one line" in text_of_any(fresh_site.post(client, path))
        for key in ("x", "7 SENT pacs", "7 FAILED", "9" * 30 + " FAILED pacs", "7 NONE pacs"):
            said = text_of(fresh_site.post(client, "/owed/retry", line=key))
            assert "Nothing of this waits" in said
        assert states(fresh_site) == {PENDING}


def text_of_any(answer) -> str:
    assert answer.status_code in (200, 400)
    return answer.text


def test_a_destination_is_paused_and_resumed(fresh_site):
    """With its end and its reason; a retry says that it is paused."""
    with fresh_site.signed_in() as client:
        said = text_of(
            fresh_site.post(
                client, "/owed/pause", destination="pacs", until="2h", why=" new\n disks "
            )
        )
        assert "pacs gets nothing until" in said
        assert ": new disks" in said
        (pause,) = fresh_site.site.ledger.pauses.in_force(fresh_site.site.clock())
        assert (pause.target, pause.who, pause.why) == (to_destination("pacs"), "Ada", "new disks")
        assert timedelta(hours=1.9) < pause.until - pause.since <= timedelta(hours=2)
        assert event(fresh_site) == ("pause", "destination pacs", "done")
        retried = text_of(fresh_site.post(client, "/owed/retry", line=LINE))
        assert "pacs is paused: it gets nothing before it is resumed." in retried
        resumed = text_of(fresh_site.post(client, "/owed/resume", destination="pacs"))
        assert "Sending to pacs goes on." in resumed
        assert fresh_site.site.ledger.pauses.in_force(fresh_site.site.clock()) == []
        assert event(fresh_site) == ("resume", "destination pacs", "done")
        twice = text_of(fresh_site.post(client, "/owed/resume", destination="pacs"))
        assert "pacs was not paused." in twice


@pytest.mark.parametrize(
    ("path", "fields", "sentence"),
    [
        ("/owed/pause", {"destination": "pcs"}, "did you mean 'pacs'?"),
        ("/owed/pause", {"destination": "pacs", "until": "yesterday"}, "is over; give a time"),
        ("/owed/resume", {"destination": "pcs"}, "did you mean 'pacs'?"),
        ("/owed/ask", {"destination": "--help"}, "there is no destination '--help'"),
        ("/owed/resend", {"job": "99"}, "there is no job 99"),
        ("/owed/resend", {"job": "two"}, "'two' is not the number of a job"),
        ("/owed/resend", {"job": "2", "destination": "gone"}, "there is no destination 'gone'"),
        ("/owed/resend", {"job": "3"}, "job 3: there is nothing to send again"),
        ("/owed/retry", {"all": "1", "older": "2m"}, "did you mean 2min"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_an_event(busy_site, path, fields, sentence):
    """Nothing is changed; that it was tried stands in the journal."""
    with busy_site.signed_in() as client:
        said = text_of(busy_site.post(client, path, back="/owed", **fields))
        assert sentence in said
        assert busy_site.site.ledger.audit.newest()[0].outcome == "refused"


def test_the_results_of_a_job_are_sent_again(fresh_site):
    """To all that had them, or to one."""
    with fresh_site.signed_in() as client:
        assert states(fresh_site, 2) == {DeliveryState.SENT}
        said = text_of(fresh_site.post(client, "/owed/resend", job="2", destination="pacs"))
        assert "Results of job 2 are sent again: 2 objects to pacs." in said
        assert states(fresh_site, 2) == {PENDING}
        assert states(fresh_site, 2, "ris") == {DeliveryState.SENT}
        newest = fresh_site.site.ledger.audit.newest()[0]
        assert (newest.action, newest.target) == ("resend", "job 2")
        assert (
            newest.study_instance_uid == fresh_site.site.ledger.operator.get(2).study_instance_uid
        )
        fresh_site.post(client, "/owed/resend", job="2")
        assert states(fresh_site, 2, "ris") == {PENDING}


def test_a_destination_is_asked_now(fresh_site):
    """Its answer is shown and kept, and the card says that it is down."""
    with fresh_site.signed_in() as client:
        said = text_of(fresh_site.post(client, "/owed/ask", destination="ris", back="/owed"))
        assert "does not answer ris (HL7 at 127.0.0.1:2575)" in said
        assert "ris down" in said
        (state,) = fresh_site.site.ledger.destination_states.all()
        assert (state.destination, state.is_up) == ("ris", False)
        assert event(fresh_site) == ("ask", "destination ris", "done")


def test_who_may_only_look_changes_nothing(busy_site):
    paths = ["retry", "cancel", "cancel/preview", "resend", "pause", "resume", "ask"]
    with busy_site.signed_in(Role.LOOK) as client:
        for path in paths:
            answer = busy_site.post(client, f"/owed/{path}", all="1", destination="pacs", job="2")
            assert answer.status_code == 403
    assert states(busy_site) == {PENDING}
