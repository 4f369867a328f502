"""What `ich-node statistics` makes of the ledger's rows, and prints."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from ich_node.analyse.scan_facts import scan_of
from ich_node.answer import Answer
from ich_node.ledger import Ledger, Scan
from ich_node.statistics.drift import drift
from ich_node.statistics.figures import agreement, statistics
from ich_node.statistics.page import page_of
from ich_node.statistics.table import COLUMNS
from ich_node.statistics.text import lines_of
from tests.documents.states.counted import fill, read, state
from tests.support.command_line import ich_node
from tests.support.heads import head_series
from tests.support.ledger_examples import T0
from tests.support.node import opened_ledger

DAY = timedelta(days=1)
PRESENT, ABSENT = Answer.PRESENT, Answer.ABSENT


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A hundred series of the 25 days before T0."""
    folder = tmp_path_factory.mktemp("filled")
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as opened:
        fill(opened, T0)
        yield opened


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with state(tmp_path_factory.mktemp("node")) as path:
        yield path


def test_outcomes_rates_and_times(filled: Ledger) -> None:
    """100 series of 25 days: each 50th was refused, scores of 0.9 and more are positive, every
    third came from the smaller scanner, a result took 12 to 18 seconds.
    """
    with filled.statistics.view() as view:
        found = statistics(view, since=T0 - 30 * DAY, until=T0)
    assert [(each.words, each.series) for each in found.outcomes] == [
        ("absent", 90),
        ("present", 8),
        ("refused: bone_kernel", 2),
    ]
    ((source, positive),) = [(each.name, each.positive) for each in found.sources]
    assert (source, positive.right, positive.total) == ("ct", 8, 98)
    scanners = {each.name: each.positive.total for each in found.scanners}
    assert scanners == {"Acme Spiral 64": 65, "Acme Spiral 16": 33}
    assert (found.times.series, found.times.median, found.times.most) == (98, 15, 18)
    assert "earlier half" in found.drift.reference
    assert (found.drift.earlier, found.drift.recent) == (40, 58)
    assert sum(found.histogram) == pytest.approx(1)


def test_the_days_before_are_the_reference(filled: Ledger) -> None:
    """Where they have enough series; those of another model are not compared."""
    for number in range(100, 140):
        read(filled, number, at=T0 + DAY * (number - 99) / 20, score=0.99)
    with filled.statistics.view() as view:
        found = statistics(view, since=T0, until=T0 + 25 * DAY)
    assert found.drift.reference == "the 25 days before"
    assert (found.drift.earlier, found.drift.recent) == (98, 40)
    assert found.drift.has_drifted
    assert "DRIFT: the scores are higher than those of the reference" in found.drift.sentence


def test_the_scores_of_the_bundle_are_the_reference(filled: Ledger) -> None:
    """Where it has any: those of the series by which its threshold was chosen."""
    with filled.statistics.view() as view:
        without = statistics(view, since=T0 - 30 * DAY, until=T0)
        assert without.bundle_sha256 is not None
        references = {without.bundle_sha256: [0.9 + 0.001 * number for number in range(50)]}
        found = statistics(view, since=T0 - 30 * DAY, until=T0, references=references)
    assert found.drift.reference == "the series by which the threshold was chosen"
    assert (found.drift.earlier, found.drift.recent) == (50, 98)
    assert "the scores are lower" in found.drift.sentence


def test_a_tiny_shift_of_a_large_sample_is_no_drift() -> None:
    """However significant it is; a shift of the same test that matters is one."""
    generator = np.random.default_rng(0)
    earlier_N = generator.beta(0.5, 2, 200_000)
    tiny = drift(earlier_N, generator.beta(0.5, 1.9, 200_000), reference="before")
    assert tiny.p_value < 1e-6
    assert not tiny.has_drifted
    assert tiny.sentence.startswith("like those of the reference")
    moved = drift(earlier_N[:2000], generator.beta(0.8, 1.2, 2000), reference="before")
    assert moved.has_drifted
    few = drift(earlier_N[:29], earlier_N[:2000], reference="before")
    assert not few.is_known
    assert few.sentence.startswith("too few series to compare (2000, and 29 of the reference")
    lower = drift(1 - earlier_N[:2000], earlier_N[:2000], reference="before")
    assert "the scores are lower" in lower.sentence


def test_agreement_with_verdicts() -> None:
    """Sensitivity, specificity and predictive value with their intervals (Wilson); what the model
    could not say counts in none of them.
    """
    found = agreement(
        [(PRESENT, True)] * 9
        + [(ABSENT, True)]
        + [(PRESENT, False)] * 3
        + [(ABSENT, False)] * 27
        + [(Answer.UNDETERMINED, True)]
    )
    assert (found.series, found.undetermined) == (41, 1)
    assert (found.sensitivity.right, found.sensitivity.total) == (9, 10)
    assert found.sensitivity.interval == pytest.approx((0.596, 0.982), abs=0.001)
    assert (found.specificity.value, found.predictive.value) == (0.9, 0.75)


def test_nothing_was_read_yet(ledger: Ledger) -> None:
    """Words instead of shares of nothing; the page is whole, too."""
    with ledger.statistics.view() as view:
        found = statistics(view, since=T0 - DAY, until=T0)
    printed = "\n".join(lines_of(found, model="the model"))
    assert printed.startswith("0 series received")
    assert "no times are known" in printed
    assert "too few series" in printed
    assert "nan" not in printed + page_of(found, model="the model")


class Tags(HTMLParser):
    """Every tag is closed, and nothing is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [name for name, _ in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_file(config: Path, tmp_path: Path) -> None:
    """Tables and the picture, for research use."""
    page = tmp_path / "page.html"
    ran = ich_node("statistics", "--html", page, config=config)
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (0, f"written: {page}")
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.outside) == ([], [])
    assert "Acme Spiral 64" in text
    assert "research use only" in text.lower()
    assert text.count("<rect ") == 20


def test_the_table_has_no_identifiers(config: Path, tmp_path: Path) -> None:
    """One line a series, of which nothing but its columns is known: no UID, no time of day."""
    table = tmp_path / "table.csv"
    assert ich_node("statistics", "--csv", table, config=config).exit_code == 0
    text = table.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 100
    assert [row["verdict"] for row in rows].count("no bleeding") == 18
    assert rows[0] | {"received_on": ""} == {
        "received_on": "", "modality": "CT", "manufacturer": "Acme", "scanner": "Spiral 16",
        "body_part": "HEAD", "kernel": "H30", "slice_thickness_mm": "5.0", "kvp": "120.0",
        "slices": "30", "age_years": "20", "sex": "M", "model": "ward-1",
        "model_sha256": "b" * 64, "answer": "absent", "probability": "0.0000",
        "not_analysed_reason": "", "seconds_to_result": "12", "verdict": "no bleeding",
    }  # fmt: skip
    assert "2.25." not in text
    assert ":" not in text
    assert datetime.fromisoformat(rows[0]["received_on"]).replace(tzinfo=UTC) < datetime.now(UTC)


def test_json_has_all_figures(config: Path) -> None:
    """What is not known is null."""
    made = json.loads(ich_node("statistics", "--days", 5, "--json", config=config).stdout)
    assert made["series"] == 16
    assert made["drift"]["p_value"] is None


@pytest.mark.parametrize("days", ["0", "ten"])
def test_days_that_are_none(config: Path, days: str) -> None:
    """Exit code 2, and the option is named."""
    ran = ich_node("statistics", "--days", days, config=config)
    assert ran.exit_code == 2
    assert "--days" in ran.stderr


def test_a_folder_that_is_not_there(config: Path, tmp_path: Path) -> None:
    """A sentence instead of a traceback."""
    for option in ("--html", "--csv"):
        ran = ich_node("statistics", option, tmp_path / "none" / "x", config=config)
        assert ran.exit_code == 2
        assert f"{option}: cannot write {tmp_path}/none/x: No such file" in ran.stderr


def test_what_is_kept_of_a_scan() -> None:
    """The machine, the protocol, age and sex; at most 90 years; damaged values are left out."""
    known = head_series(
        Manufacturer="Acme", ManufacturerModelName=" Spiral  64 ", BodyPartExamined="head",
        ConvolutionKernel="H30s", SliceThickness="5", KVP="120", PatientAge="097Y",
        PatientSex="F",
    )  # fmt: skip
    assert scan_of(known) == Scan(
        manufacturer="Acme", scanner="Spiral 64", body_part="HEAD", kernel="H30s",
        slice_thickness_mm=5.0, kvp=120.0, slices=len(known), age_years=90, sex="F",
    )  # fmt: skip
    nothing = scan_of([Dataset(), Dataset()])
    assert (nothing.scanner, nothing.kvp, nothing.age_years, nothing.sex) == ("", None, None, "")
    assert nothing.slices == 2
    odd = Dataset()
    odd.add_new("PatientSex", "CS", "Doe^Jane")
    odd.add_new("Manufacturer", "LO", "M" * 500)
    assert (scan_of([odd]).sex, len(scan_of([odd]).manufacturer)) == ("", 64)
