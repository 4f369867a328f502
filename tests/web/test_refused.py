"""What was refused, and the tester of rules."""

import re
from html import unescape
from pathlib import Path

import pytest

from ich_node.errors import Refusal
from ich_node.ledger import JobState
from ich_node.web.rendering import environment
from ich_node.web.visitor import Role
from tests.project.test_docs import rows
from tests.support.heads import head_series

REFUSALS = Path(__file__).parents[2] / "docs" / "refusals.md"
PERFUSION = """name = "{name}"
action = "refuse"
reason = "not here"
description = "*perf*"
"""


def words_of(markup: str) -> str:
    """Without tags, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.text
    return words_of(answer.text)


def table_of(answer) -> list[list[str]]:
    """The cells of all rows of all tables."""
    found = []
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", answer.text, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        found.append([words_of(cell) for cell in cells])
    return [row for row in found if len(row) > 1]


def test_every_reason_has_the_meaning_and_the_remedy_of_the_documentation():
    """The words of the page are those of docs/refusals.md."""
    reasons = environment().get_template("reasons.html").module.REASONS
    table = [[cell.replace("`", "") for cell in row] for row in rows(REFUSALS, before="## ")]
    assert {row[0]: (row[1], row[2]) for row in table} == reasons
    assert sorted(reasons) == sorted(refusal.reason for refusal in Refusal.__subclasses__())


def test_reasons_are_counted_with_their_meaning(busy_site):
    """Of the nine series of the day one has a bone kernel, one crashed, one is held by a rule."""
    with busy_site.signed_in(Role.LOOK) as client:
        answer = client.get("/refused")
        table = table_of(answer)
        assert [row[:2] for row in table[:2]] == [["crashed", "1"], ["bone_kernel", "1"]]
        assert "crashed or hung" in table[0][3]
        assert table[1][4] == "send the soft-tissue reconstruction"
        assert table[2][:2] == ["outside studies", "1"]
        assert "no longer in config.toml" in table[2][3]
        assert "Without an answer 2 of 9 series" in text_of(answer)
        assert "Held by a rule 1" in text_of(answer)
        day = table_of(client.get("/refused?days=1"))
        assert [row[0] for row in day[:2]] == ["crashed", "bone_kernel"]


@pytest.mark.parametrize("query", ["days=0", "days=-1", "days=x", "days=" + "9" * 40, "days=²"])
def test_another_period_than_those_that_there_are_is_the_usual_one(busy_site, query):
    with busy_site.signed_in() as client:
        assert 'value="7" selected' in client.get(f"/refused?{query}").text
        assert client.get(f"/refused/series?{query}&limit=x").status_code == 200


def test_the_series_of_a_reason_and_of_a_rule_are_listed(busy_site):
    with busy_site.signed_in() as client:
        (row,) = table_of(client.get("/refused/series?reason=bone_kernel"))
        assert row[1] == "3"
        assert row[4].startswith("HEAD 1.0 H70h")
        assert row[6] == "kernel H70h"
        (held,) = table_of(client.get("/refused/series", params={"rule": "outside studies"}))
        assert held[1] == "8"
        assert "ct-ward, no order" in held[6]
        assert "There is none" in client.get("/refused/series?reason=gone").text
        assert [row[1] for row in table_of(client.get("/refused/series"))] == ["6", "3"]
        one = client.get("/refused/series?limit=1")
        assert [row[1] for row in table_of(one)] == ["6"]
        more = re.search(r'href="([^"]+limit=201)"', one.text)
        assert more
        assert len(table_of(client.get(more[1]))) == 2


def test_chosen_series_are_read_again(fresh_site):
    """What cannot be is named; the journal has who did it. Who may only look cannot."""
    with fresh_site.signed_in() as client:
        answer = fresh_site.post(
            client, "/refused/retry", job=["3", "6", "8"], back="/refused/series?reason=crashed"
        )
        assert answer.url.path == "/refused/series"
        assert "2 series will be read again" in text_of(answer)
        assert "job 8 is held by rule outside studies" in text_of(answer)
        event, *_ = fresh_site.site.ledger.audit.newest()
        assert (event.who, event.action, event.target) == ("Ada", "retry", "job 3 job 6")
        states = {job.id: job.state for job in fresh_site.site.ledger.operator.list()}
        assert (states[3], states[6]) == (JobState.WAITING, JobState.WAITING)
        again = fresh_site.post(client, "/refused/retry", job="8", back="/refused")
        assert "message error" in again.text
        assert fresh_site.post(client, "/refused/retry", job="9" * 30).status_code == 200
    with fresh_site.signed_in(Role.LOOK) as client:
        assert fresh_site.post(client, "/refused/retry", job="3").status_code == 403
        assert 'name="job"' not in client.get("/refused/series").text


def test_a_received_series_is_explained(ruled_site):
    """By its number or the end of its UID: which rule decides, and why."""
    with ruled_site.signed_in(Role.LOOK) as client:
        said = text_of(client.get("/refused/rules?job=2"))
        assert "12 objects: would be refused site_rule perfusion is read by the stroke" in said
        assert "rule perfusion: SeriesDescription 'Head perfusion' matches '*perf*'" in said
        uid = ruled_site.site.ledger.operator.get(1).series_instance_uid
        assert "would be held" in text_of(client.get("/refused/rules", params={"job": uid}))


@pytest.mark.parametrize("word", ["77", "/etc/passwd", "<script>alert(1)</script>", "9" * 70])
def test_an_unknown_job_is_named_and_no_path_is_opened(ruled_site, word):
    with ruled_site.signed_in() as client:
        answer = client.get("/refused/rules", params={"job": word})
        assert "There is no job" in answer.text
        assert "<script>alert" not in answer.text


def test_a_draft_is_tried_and_kept_nowhere(ruled_site):
    """Which of the newest series match, what changes, and why the others do not match."""
    before = ruled_site.site.config_path.read_text(encoding="utf-8")
    with ruled_site.signed_in(Role.LOOK) as client:
        draft = PERFUSION.format(name="mine").replace("refuse", "urgent").replace("reason", "#")
        answer = client.get("/refused/rules", params={"draft": draft})
        rows_of = {row[0]: row for row in table_of(answer) if row[0].isdecimal() and len(row) > 6}
        assert "1 of 2 series matches. What becomes of 1 of them changes." in text_of(answer)
        assert rows_of["2"][5:7] == ["refused perfusion", "read first mine"]
        assert "matches" in rows_of["2"][7]
        assert rows_of["1"][6:] == ["the same", "does not match: description"]
        only = client.get("/refused/rules", params={"draft": draft, "job": "1", "newest": "50"})
        assert "0 of 1 series match." in text_of(only)
        assert draft.splitlines()[0].replace('"', "&#34;") in only.text
        same = client.get("/refused/rules", params={"draft": PERFUSION.format(name="perfusion")})
        assert "the same, by the draft" in same.text
    assert ruled_site.site.config_path.read_text(encoding="utf-8") == before
    assert ruled_site.site.ledger.audit.newest() == []


def test_a_mistake_in_a_draft_is_a_sentence_with_its_line(ruled_site):
    with ruled_site.signed_in() as client:
        draft = PERFUSION.format(name="mine") + 'kernal = "H*"'
        said = text_of(client.get("/refused/rules", params={"draft": draft}))
        assert "line 5: [[rules]] has no setting 'kernal'; did you mean 'kernel'?" in said


def test_a_draft_that_would_have_hidden_a_bleeding_says_so(fresh_site):
    """Series that were answered present, and would be refused."""
    site = fresh_site.site
    job = next(job for job in site.ledger.operator.list() if job.answer == "present")
    for instance, dataset in zip(site.ledger.operator.instances(job), head_series(), strict=False):
        path = site.spool.absolute(instance.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
    draft = 'name = "all"\naction = "hold"\nmodality = "CT"'
    with fresh_site.signed_in() as client:
        said = text_of(client.get("/refused/rules", params={"draft": draft, "newest": "10"}))
        assert "1 series that was answered with bleeding present would get no answer." in said
        assert "its files were removed" in said


def test_rules_are_listed_with_what_takes_shipped_ones_away(ruled_site):
    with ruled_site.signed_in() as client:
        table = table_of(client.get("/refused/rules"))
        assert [row[1] for row in table[:3]] == ["perfusion", "qa", "stroke"]
        assert table[1][2] == "hold, 60 min"
        assert table[1][3] == "quality_control_image yes"
        bone = next(row for row in table if row[0] == "bone-kernel")
        assert bone[4] == "where it matches source old-ct; kernel BONE"
