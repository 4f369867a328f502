"""What is asked for: every mistake in it is a sentence, none of them quotes an accession number."""

from datetime import date, datetime

import pytest

from ich_node.errors import ConfigError
from ich_node.pull.asked import Accession, Day, accessions, days, one_study


def test_a_file_of_any_editor_is_read(tmp_path):
    """With a byte order mark, CRLF, comments, empty lines, quotes and repetitions."""
    path = tmp_path / "list.csv"
    path.write_bytes(
        b'\xef\xbb\xbf# missed on Sunday\r\n\r\nA1\r\n"A2" # twice\r\nA1\r\n  A3  \r\n'
    )
    assert accessions(path) == [
        Accession(line=3, number="A1"),
        Accession(line=4, number="A2"),
        Accession(line=6, number="A3"),
    ]
    assert accessions(path)[1].words == "line 4"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"# nothing\n", "there is no accession number in it"),
        (b"A1\nSECRET*\n", "line 2: an accession number has no * ? or backslash"),
        (b"A1\n" + b"S" * 65, "line 2: this is no accession number"),
        (b"PK\x03\x04\xff\xfe", "no text file in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, content, sentence):
    """A wildcard would fetch the whole PACS."""
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"--accessions") as raised:
        accessions(path)
    assert sentence in raised.value.detail
    assert "SECRET" not in raised.value.detail
    with pytest.raises(ConfigError, match="cannot read"):
        accessions(tmp_path / "none")


def test_a_time_is_asked_day_by_day():
    """Both days count; a time that ends before it begins, or lasts for years, is a mistake."""
    since, until = datetime(2026, 2, 27, 14).astimezone(), datetime(2026, 3, 1).astimezone()
    assert days(since, until) == [
        Day(day=date(2026, 2, 27)),
        Day(day=date(2026, 2, 28)),
        Day(day=date(2026, 3, 1)),
    ]
    with pytest.raises(ConfigError, match="exchange them"):
        days(until, since)
    with pytest.raises(ConfigError, match="at most 366"):
        days(since.replace(year=2020), until)


def test_a_study_is_asked_by_its_uid():
    """An accession number in its place is explained, and not quoted."""
    assert one_study(" 1.2.3 ")[0].words == "study 1.2.3"
    with pytest.raises(ConfigError, match="--accessions FILE") as raised:
        one_study("ACC17")
    assert "ACC17" not in raised.value.detail
