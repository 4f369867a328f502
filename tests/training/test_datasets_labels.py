"""Any site's data: DICOM in any folders, and labels.csv."""

import json
from collections.abc import Iterable
from pathlib import Path

import pydicom
import pytest

from tests.support.enhanced import to_enhanced
from tests.support.heads import head_series
from tests.support.training.dataset_trees import save
from training.datasets import Box, Found, LabelledSeries, Skip, load, read_dataset, recognise
from training.datasets.frame_uids import frame_uid
from training.datasets.near_names import NearNames
from training.errors import DataError

COUNT = 12
ROOT = "1.2.826.0.1.77"


def series_uid(number: int) -> str:
    return f"{ROOT}.{number}.1"


def slice_uid(number: int, index: int) -> str:
    """index: from 1 on."""
    return f"{series_uid(number)}.{index}"


def head(folder: Path, number: int, *, patient: str | None = None, **attributes) -> Path:
    """A head of 12 slices of a patient of its own, in the folder head-<number>."""
    uids = {"StudyInstanceUID": f"{ROOT}.{number}", "SeriesInstanceUID": series_uid(number)}
    identity = f"P{number}" if patient is None else patient
    made = head_series(COUNT, **{"PatientID": identity, **uids, **attributes})
    for index, dataset in enumerate(made, start=1):
        dataset.SOPInstanceUID = f"{dataset.SeriesInstanceUID}.{index}"
        save(dataset, folder / f"head-{number}" / f"{index:02d}.dcm")
    return folder / f"head-{number}"


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "labels.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


def labels_of(series: LabelledSeries) -> list[bool | None]:
    return [slice_.label for slice_ in series.slices]


def reasons(skipped: Iterable[Skip]) -> dict[int | str, tuple[str, str]]:
    """Reason and detail of each skip by its line, or by what it is about."""
    return {skip.line or skip.what: (skip.reason, skip.detail) for skip in skipped}


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four heads, of which tests write the table."""
    folder = tmp_path_factory.mktemp("site")
    for number in (1, 2, 3, 4):
        head(folder, number)
    return folder


def read(folder: Path, *lines: str, **options) -> Found:
    table(folder, *lines)
    return read_dataset(folder, **options)


def test_rows_name_files_folders_and_uids(heads):
    """A head that bleeds has unknown slices but for those with rows; one that does not has none;
    a series alone is a label too; what no row names is left out.
    """
    found = read(
        heads,
        "path,SOPInstanceUID,SeriesInstanceUID,bleeding,type",
        "head-1,,,yes,",
        r"head-1\04.dcm,,,1,SDH; subarachnoid hemorrhage",
        f",{slice_uid(1, 5)},,no,",
        "head-2/,,,0,none",
        f",,{series_uid(3)},TRUE,extradural",
    )
    first, second, third = found.series
    assert (found.source, [each.label for each in found.series]) == ("labels", [True, False, True])
    assert labels_of(first) == [None] * 3 + [True, False] + [None] * 7
    assert first.kinds == first.slices[3].kinds == {"SDH", "SAH"}
    assert (labels_of(second), second.kinds) == ([False] * COUNT, set())
    assert (labels_of(third), third.kinds) == ([None] * COUNT, {"EDH"})
    assert reasons(found.skipped) == {
        series_uid(4): ("a series without a row in the table", f"12 images in {heads / 'head-4'}")
    }
    assert found.patients() == {"P1", "P2", "P3"}
    assert len(load(first).slices) == COUNT
    assert "of 1 series with bleeding no slice is labelled" in found.notes[1]


def test_slices_alone_label_their_series(heads):
    """It bleeds if a slice does, and does not if every slice is known not to."""
    rows = [f"head-1/{index:02d}.dcm,{int(index == 3)}" for index in (3, 4)]
    rows += [f"head-2/{index:02d}.dcm,0" for index in range(1, COUNT + 1)]
    found = read(heads, "file,label", *rows, "head-3/01.dcm,no", "head-4/01.dcm,?")
    assert [each.label for each in found.series] == [True, False, None]
    assert labels_of(found.series[2]) == [False] + [None] * 11
    assert reasons(found.skipped) == {17: ("a series of which every row says unknown", "")}


@pytest.mark.parametrize(
    ("encoding", "lines"),
    [
        ("utf-8-sig", ("path,bleeding", "head-1/04.dcm,yes")),
        ("utf-16", ("Path\tBleeding", "head-1/04.dcm\tyes")),
        ("utf-8", ("sep=;", '"path";"bleeding"', '"head-1/04.dcm";WAHR')),
        ("utf-8", ("path;bleeding;;", "head-1/04.dcm;1.0;;", ";;;")),
    ],
)
def test_tables_as_programs_save_them(heads, encoding, lines):
    """With a byte order mark, in UTF-16 with tabs, and with semicolons."""
    table(heads, *lines, encoding=encoding)
    found = read_dataset(heads)
    assert labels_of(found.series[0]) == [None] * 3 + [True] + [None] * 8


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r"is empty; its first line names the columns: path, slice"),
        (b"path,bleeding\nh\xe4,1\n", r"line 2: this is not UTF-8; save .* 'CSV UTF-8'"),
        ("path,bleeding\n".encode("utf-16-le"), r"no text in UTF-8; save it in .*'CSV UTF-8'"),
        (b"PK\3\4xl/workbook.xml", r"is a workbook of Excel; save it in the format 'CSV UTF-8'"),
        (b"path,bleading\nx,1\n", r"needs a column bleeding .*; it has: path, bleading\. "
                                  r"bleading: did you mean 'bleeding'\?"),
        (b"name,bleeding\nx,1\n", r"needs a column of slice, path, series_uid, study_uid"),
        (b"file,path,bleeding\nx,y,1\n", r"the columns file and path both mean 'path'"),
        (b'path,bleeding\n"x" y,1\n', r"line 2: this is not CSV .*correct the quotes"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_has_a_remedy(tmp_path, data, words):
    """Named by its line where there is one."""
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(DataError, match=words):
        read_dataset(tmp_path)


def test_a_workbook_in_place_of_the_table_is_named(tmp_path):
    """The admin learns how to save it."""
    (tmp_path / "Labels 2026.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"save Labels 2026\.xlsx as 'labels\.csv'"):
        read_dataset(tmp_path, kind="labels")


def test_rows_that_cannot_be_understood_are_named_by_line(heads):
    """And by what they may say instead; the other rows are read."""
    box = ",".join(["row0", "column0", "row1", "column1", "x", "y", "width", "height"])
    found = read(
        heads,
        f"path,bleeding,type,frame,{box},comment,patiant",
        "head-1/01.dcm,maybe,,,,,,,,,,,,",
        "head-1/02.dcm,,,,,,,,,,,,,",
        "head-1/03.dcm,yes,subdual,,,,,,,,,,,",
        "head-1/04.dcm,no,SDH,,,,,,,,,,,",
        "head-1/05.dcm,yes,,0,,,,,,,,,,",
        "head-1/06.dcm,yes,,,1,2,3,,,,,,,",
        "head-1/07.dcm,yes,,,1,2,3,4,1,2,3,4,,",
        "head-1/08.dcm,no,,,1,2,3,4,,,,,,",
        "head-1/09.dcm,yes,,,3,2,3,4,,,,,,",
        "head-1/10.dcm,yes,,,a,2,3,4,,,,,,",
        ",yes,,,,,,,,,,,,",
        "head-1/11.dcm,yes",
        "head-1/12.dcm,yes,,,,,,,,,,,,",
        "head-1/12.dcm,yes,,,,,,,,,,,,",
    )
    assert labels_of(found.series[0]) == [None] * 11 + [True]
    wrong = "a row that cannot be understood"
    said = {skip.line: skip.detail for skip in found.skipped if skip.reason == wrong}
    assert said == {
        2: "'maybe': bleeding is yes, no or unknown",
        3: "bleeding is empty; write yes, no or unknown",
        4: "'subdual': the type is one of epidural, intraparenchymal, intraventricular, "
        "subarachnoid, subdural, chronic, other, quality; did you mean 'subdural'?",
        5: "bleeding is no, but its type is SDH",
        6: "frame is 0; frames are counted from 1",
        7: "of its box column1 is missing",
        8: "a box has row0, column0, row1, column1, or x, y, width, height; not both",
        9: "it has a box, but bleeding is no",
        10: "its box is 0 rows high and 2 wide",
        11: "row0 is 'a', no number",
        12: "path: nothing is given",
        13: "it has 2 cells, and the first line 14",
    }
    others = reasons(skip for skip in found.skipped if skip.reason != wrong)
    assert others[14] == ("rows that repeat a row (harmless)", "1 more times")
    unused = "columns that are not used (harmless)"
    assert others["comment"] == (unused, "")
    assert others["patiant"] == (unused, "patiant: did you mean 'patient'?")


def test_rows_that_fit_nothing_say_why(tmp_path):
    """Each by its line, with what was probably meant."""
    heads = tmp_path
    for number in (1, 2):
        head(heads, number)
    (heads / "head-4").mkdir()
    (heads / "head-4" / "notes.txt").write_text("x")
    (heads / "broken.dcm").write_bytes(b"cut")
    found = read(
        heads,
        "path,slice,series_uid,study_uid,frame,bleeding,row0,column0,row1,column1",
        "head-9/99.dcm,,,,,yes,,,,",
        "Head-1/12.dcm,,,,,yes,,,,",
        "head-4/notes.txt,,,,,yes,,,,",
        "broken.dcm,,,,,yes,,,,",
        f",{slice_uid(2, 11)[:-4]}.11,,,,yes,,,,",
        ",12,,,,yes,,,,",
        f",,{series_uid(7)},,,yes,,,,",
        ".,,,,,yes,,,,",
        f",{slice_uid(2, 3)},{series_uid(3)},,,yes,,,,",
        f"head-2/04.dcm,{slice_uid(2, 3)},,,,yes,,,,",
        "head-2/05.dcm,,,,2,yes,,,,",
        "head-2/06.dcm,,,,,yes,10,10,20,129",
        "head-2,,,,,yes,10,10,20,30",
        "head-2/07.dcm,,,,,yes,10,10,20,128",
    )
    (series,) = found.series
    assert labels_of(series) == [None] * 6 + [True] + [None] * 5
    said = reasons(skip for skip in found.skipped if skip.line)
    no_uid = "that is not in the folder"
    assert said == {
        2: ("no such file or folder", ""),
        3: ("no such file or folder", "did you mean head-1/12.dcm?"),
        4: ("a path without a DICOM image", ""),
        5: ("a path without a DICOM image", "the file is left out: not a DICOM file"),
        6: (f"a SOPInstanceUID {no_uid}",
            f"{slice_uid(2, 11)[:-4]}.11; did you mean {slice_uid(2, 11)}?"),
        7: (f"a SOPInstanceUID {no_uid}", "12 is a number, not a UID"),
        8: (f"a SeriesInstanceUID {no_uid}", series_uid(7)),
        9: ("a row about several studies", "it holds 2 studies; write a row for each"),
        10: ("a row that names two different things",
             f"its SeriesInstanceUID is {series_uid(2)}, not {series_uid(3)}"),
        11: ("a row that names two different things",
             f"{slice_uid(2, 3)} is head-2/03.dcm, and not head-2/04.dcm"),
        12: ("a row without its frame", "the object has no frames"),
        13: ("a box outside its image",
             "rows 10 to 20, columns 10 to 129; the image has 128 rows and 128 columns"),
        14: ("a box without its slice", "it names a series or study; name the slice"),
    }  # fmt: skip
