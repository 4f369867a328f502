"""Tables of verdicts as people and spreadsheets write them."""

from pathlib import Path

import pytest

from ich_node.errors import ConfigError
from ich_node.verdicts.table import Mistake, Row, read_table

HEADINGS = "accession,bleeding,type,who\n"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "verdicts.csv"
    path.write_bytes(text.encode(encoding))
    return path


def row(line: int, **fields) -> Row:
    given = {
        "key": "accession", "value": "A1", "bleeding": True, "types": ("subdural",),
        "who": "Dr. Lee", "slices": (), "comment": "",
    }  # fmt: skip
    return Row(line=line, **{**given, **fields})


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_spreadsheet_s_table_is_read(tmp_path: Path, mark: str, comma: str, ending: str):
    """With and without a byte order mark, any separator, any line ending; empty lines are none."""
    lines = ["Accession Number", "BLEEDING", "Type", "Reader"], ["A1", "Yes", "SDH", "Dr. Lee"]
    text = mark + ending.join([comma.join(lines[0]), "", comma.join(lines[1]), "", ""])
    assert read_table(table(tmp_path, text)) == ([row(3)], [])


def test_the_most_exact_key_counts(tmp_path: Path):
    """A line may have several; slices are separated by spaces, a cell may hold a line's end."""
    text = (
        "accession,study_uid,SeriesInstanceUID,bleeding,types,who,slices,comment\n"
        'A1,1.2,1.2.3,?,"SAH, epidural",Dr. Lee,1.2.3.4 1.2.3.5,"two\nlines"\n'
        "A1,1.2,,n,,Dr. Lee,,\n"
    )
    rows, mistakes = read_table(table(tmp_path, text))
    assert mistakes == []
    assert rows == [
        row(
            2,
            key="series_uid",
            value="1.2.3",
            bleeding=None,
            types=("subarachnoid", "epidural"),
            slices=("1.2.3.4", "1.2.3.5"),
            comment="two\nlines",
        ),
        row(4, key="study_uid", value="1.2", bleeding=False, types=()),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A1,Quisling,,X", "bleeding is yes, no or unknown"),
        ("A1,yess,,X", "bleeding is yes, no or unknown; did you mean 'yes'?"),
        (
            "A1,yes,subdral,X",
            "the type is one of epidural, intraparenchymal, intraventricular, subarachnoid,"
            " subdural, chronic, other, quality; did you mean 'subdural'?",
        ),
        ("A1,no,subdural,X", "bleeding is no, but a type or slices are given"),
        (",yes,,X", "accession is empty"),
        ("A1,yes,,", "who is empty: it names the reader"),
        ("A1,yes,X", "it has 3 cells, and the first line 4"),
        (f"A1,yes,,{'x' * 65}", "who has more than 64 characters"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_count(tmp_path: Path, line: str, words: str):
    """By its number; what the cell says is not repeated, it could be anybody's name."""
    rows, mistakes = read_table(table(tmp_path, f"{HEADINGS}A1,yes,SDH,Dr. Lee\n{line}\n"))
    assert rows == [row(2)]
    assert mistakes == [Mistake(line=3, words=words)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("accession,bleding,who\n", "there is no column 'bleding'; did you mean 'bleeding'?"),
        ("accession,bleeding\n", "needs the column who"),
        ("bleeding,who\n", "needs the column accession or study_uid or series_uid"),
        ("accession,bleeding,who,reader\n", "two columns are 'who'"),
        ("", "is empty; its first line names the columns: accession, study_uid"),
        ('accession,bleeding,who\n"A1,yes,X\n', "line 2: this is not CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_explained(tmp_path: Path, text: str, words: str):
    """Nothing of it is taken."""
    with pytest.raises(ConfigError, match="verdicts") as raised:
        read_table(table(tmp_path, text))
    assert words in str(raised.value)


def test_another_encoding_is_named_with_its_line(tmp_path: Path):
    """A spreadsheet saves in the system's encoding unless told otherwise."""
    text = f"{HEADINGS}A1,yes,,Lee\nA2,yes,,Müller\n"
    with pytest.raises(ConfigError, match=r"line 3: this is not UTF-8; save the table as"):
        read_table(table(tmp_path, text, "cp1252"))
    with pytest.raises(ConfigError, match="cannot read"):
        read_table(tmp_path / "none.csv")
