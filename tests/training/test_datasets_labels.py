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
            f"did you mean {slice_uid(2, 11)}?"),
        7: (f"a SOPInstanceUID {no_uid}", "12 is a number, not a UID"),
        8: (f"a SeriesInstanceUID {no_uid}", ""),
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


def test_a_study_is_the_series_that_the_node_would_read(tmp_path):
    """Of a study or patient's folder with several series that nearest to 5 mm; the others are told.
    A study without one says why.
    """
    head(tmp_path / "a", 1)
    thin = {"SeriesInstanceUID": f"{ROOT}.1.2", "StudyInstanceUID": f"{ROOT}.1"}
    head(tmp_path / "a", 2, patient="P1", SliceThickness="1", **thin)
    head(tmp_path, 3, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    found = read(tmp_path, "study uid,bleeding", f"{ROOT}.1,yes", f"{ROOT}.3,no")
    assert [each.series_instance_uid for each in found.series] == [f"{ROOT}.1.2"]
    assert found.series[0].chosen_because == "1 mm thick, 12 slices over 110 mm"
    assert {skip.what: skip.reason for skip in found.skipped} == {
        series_uid(1): "another series of the study is better",
        series_uid(3): "a series not to be read: not_axial",
    }
    assert read(tmp_path, "path,bleeding", "a,yes").series == found.series


def test_paths_of_another_computer(heads):
    """Absolute, or with backslashes: looked up below the table, and told."""
    found = read(
        heads,
        "path,bleeding",
        r"C:\Users\Lee\study\head-1\04.dcm,yes",
        r"C:\Users\Lee\study\head-2,no",
        f"{heads}/head-3/01.dcm,yes",
        "/data/old/head-9/01.dcm,yes",
    )
    assert [labels_of(each)[3] for each in found.series] == [True, False, None]
    assert found.notes[-1] == (
        f"2 paths of another computer, C:/Users/Lee/study/...: read as below {heads}"
    )
    assert reasons(found.skipped)[5] == ("no such file or folder", "")


def test_boxes_of_one_slice(heads):
    """Several rows; corners or sizes, with decimal commas; of two types in a row none is known."""
    found = read(
        heads,
        "slice;bleeding;type;x;y;width;height;y0;x0;y1;x1",
        f"{slice_uid(1, 4)};yes;SDH;10,5;20;30;8,5;;;;",
        f"{slice_uid(1, 4)};yes;IPH;;;;;1;2;3;4",
        f"{slice_uid(1, 5)};yes;IPH, IVH;0;0;128;128;;;;",
    )
    fourth, fifth = found.series[0].slices[3:5]
    assert fourth.boxes == (
        Box(kind="SDH", row0=20, column0=10.5, row1=28.5, column1=40.5),
        Box(kind="IPH", row0=1, column0=2, row1=3, column1=4),
    )
    assert (fourth.kinds, [box.kind for box in fifth.boxes]) == ({"SDH", "IPH"}, ["ICH"])
    assert found.counts()["boxes"] == 3


def test_the_majority_of_readers_counts(heads):
    """Those who do not know do not vote. An overruled reader's slices do not count; a tie is told,
    and so is a reader who contradicts himself. Boxes are those of one reader.
    """
    found = read(
        heads,
        "path,who,bleeding,type,row0,column0,row1,column1",
        "head-1,A,yes,SDH,,,,",
        "head-1,B,yes,,,,,",
        "head-1,C,no,,,,,",
        "head-1,D,unknown,,,,,",
        "head-1/04.dcm,a,yes,SDH,1,2,3,4",
        "head-1/04.dcm,B,yes,IPH,1,2,3,5",
        "head-1/05.dcm,C,no,,,,,",
        "head-1/06.dcm,A,yes,,,,,",
        "head-1/06.dcm,B,no,,,,,",
        "head-2,A,yes,,,,,",
        "head-2,B,no,,,,,",
        "head-3,A,no,,,,,",
        "head-3,A,yes,,,,,",
        "head-4,A,no,,,,,",
        "head-4/07.dcm,,yes,,,,,",
    )
    (series,) = found.series
    assert (series.label, labels_of(series)) == (True, [None] * 3 + [True] + [None] * 8)
    assert series.slices[3].kinds == {"SDH", "IPH"}
    assert series.slices[3].boxes == (Box(kind="SDH", row0=1, column0=2, row1=3, column1=4),)
    assert reasons(found.skipped) == {
        9: ("readers who disagree", "yes: a (line 9); no: b (line 10)"),
        11: ("readers who disagree", "yes: a (line 11); no: b (line 12)"),
        13: ("rows that contradict each other", "line 14 of a says yes, line 13 no"),
        16: ("rows that contradict each other", "line 15 says that the series does not bleed"),
    }


def test_a_head_that_bleeds_nowhere_is_a_contradiction(heads):
    """The series says yes, every slice no."""
    slices = [f"head-1/{index:02d}.dcm,no" for index in range(1, COUNT + 1)]
    found = read(heads, "path,bleeding", "head-1,yes", *slices)
    assert (found.series, reasons(found.skipped)[2]) == (
        (),
        ("rows that contradict each other", "the series bleeds, but none of its slices does"),
    )


def test_chronic_bleeds_alone_may_be_left_open(heads):
    """As in the boxes of BHX."""
    rows = ("path,bleeding,type", "head-1/04.dcm,yes,chronic", "head-1/05.dcm,yes,chronic SDH")
    assert labels_of(read(heads, *rows).series[0])[3:5] == [True, True]
    assert labels_of(read(heads, *rows, chronic=False).series[0])[3:5] == [None, True]


def test_the_table_names_the_patients(tmp_path):
    """Else PatientID does. Who has several names becomes one patient, and is told; a series of two
    patients, or of none, is left out.
    """
    for number, patient in enumerate(("K7", "K7", "Y", "", "", "Z"), start=1):
        head(tmp_path, number, patient=patient)
    head(tmp_path, 7, patient="W", StudyInstanceUID=f"{ROOT}.6")
    found = read(
        tmp_path,
        "path,patient,bleeding",
        "head-1,Lee-1,no",
        "head-2,Roe,no",
        "head-3,LEE 1,no",
        "head-4,Kim,no",
        "head-5,,no",
        "head-6,,no",
        "head-6,Poe,no",
        "head-6,Woe,no",
        "head-7,,no",
    )
    assert [each.patient_id for each in found.series] == ["LEE 1", "LEE 1", "LEE 1", "Kim", "W"]
    assert all(s.patient_id == each.patient_id for each in found.series for s in each.slices)
    assert reasons(found.skipped) == {
        "Lee-1, Roe": ("several names for one patient, read as one (harmless)",
                       "their files have one PatientID, K7"),
        "LEE 1, Lee-1": ("several names for one patient, read as one (harmless)",
                         "they differ in spelling alone"),
        6: ("a series without a patient", "neither the table nor the files say whose it is; "
            "it cannot be split by patient"),
        7: ("a series with two patients in the table", "Poe (line 8), Woe (line 9)"),
    }  # fmt: skip


def test_one_study_is_of_one_patient(tmp_path):
    """Under two pseudonyms, a study or an object is told; a PatientID that says nothing joins
    nobody.
    """
    head(tmp_path, 1, patient="ANONYMOUS")
    head(tmp_path, 2, patient="ANONYMOUS")
    head(tmp_path, 3, StudyInstanceUID=f"{ROOT}.1")
    copy = pydicom.dcmread(tmp_path / "head-3" / "01.dcm")
    copy.PatientID = "Q"
    save(copy, tmp_path / "head-4" / "01.dcm")
    rows = ["path,patient,bleeding", "head-1,A,no", "head-2,B,no", "head-3,,no"]
    found = read(tmp_path, *rows)
    assert [each.patient_id for each in found.series] == ["A", "B", "A"]
    said = reasons(found.skipped)
    assert said["A, P3"][1] == f"they share the study {ROOT}.1"
    assert said[str(tmp_path / "head-4" / "01.dcm")] == (
        "a second file of the same SOPInstanceUID, with another PatientID",
        f"Q; the first: {tmp_path}/head-3/01.dcm of P3: is this one patient under two names?",
    )


def test_frames_are_images_of_their_own(tmp_path):
    """A row names an object and its frame; the node reads the object as it is."""
    enhanced = to_enhanced(head_series(COUNT))
    save(enhanced, tmp_path / "scan" / "enhanced.dcm")
    path = "scan/enhanced.dcm"
    found = read(
        tmp_path,
        "path,frame,bleeding,row0,column0,row1,column1",
        f"{path},,yes,,,,",
        f"{path},4,yes,1,2,3,4",
        f"{path},5.0,no,,,,",
        f"{path},13,yes,,,,",
    )
    (series,) = found.series
    assert (series.label, labels_of(series)) == (True, [None] * 3 + [True, False] + [None] * 7)
    assert [bool(slice_.boxes) for slice_ in series.slices] == [n == 3 for n in range(COUNT)]
    assert reasons(found.skipped) == {
        5: ("a row without its frame", "the object has 12 frames, not 13")
    }
    loaded = load(series)
    uids = [frame_uid(str(enhanced.SOPInstanceUID), frame) for frame in range(1, COUNT + 1)]
    assert [slice_.sop_instance_uid for slice_ in loaded.slices] == uids
    assert [slice_.sop_instance_uid for slice_ in series.slices] == uids
    assert max(map(len, uids)) <= 64


def test_ids_that_are_no_uids_are_found(tmp_path):
    """As RSNA gives them; and the table may lie in a folder beside the images'."""
    uids = {"StudyInstanceUID": "ID_a1", "SeriesInstanceUID": "ID_b2", "PatientID": "ID_c3"}
    for index, dataset in enumerate(head_series(COUNT, **uids)):
        dataset.SOPInstanceUID = f"ID_{index:09x}"
        save(dataset, tmp_path / "images" / f"{index}.dcm")
    (tmp_path / "tables").mkdir()
    table(tmp_path / "tables", "slice,bleeding", "ID_000000003,yes", "ID_000000009,no")
    assert recognise(tmp_path) == "labels"
    (series,) = read_dataset(tmp_path).series
    assert (series.patient_id, labels_of(series).count(True)) == ("ID_c3", 1)
    table(tmp_path / "tables", "path,bleeding", "images/3.dcm,yes", "../images/9.dcm,no")
    assert read_dataset(tmp_path).series == (series,)


def test_what_the_node_would_refuse_is_left_out(tmp_path):
    """A localizer of the series, though a row is about it; a reformat."""
    head(tmp_path, 1)
    head(tmp_path, 2, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    scout = head_series(1, PatientID="P1", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[0]
    scout.StudyInstanceUID, scout.SeriesInstanceUID = f"{ROOT}.1", series_uid(1)
    save(scout, tmp_path / "head-1" / "scout.dcm")
    found = read(tmp_path, "path,bleeding", "head-1,no", "head-1/scout.dcm,no", "head-2,no")
    assert [len(each.slices) for each in found.series] == [COUNT]
    assert {skip.what: skip.reason for skip in found.skipped} == {
        str(tmp_path / "head-1" / "scout.dcm"):
            "left out of its series (localizer, or a second image of one position)",
        "head-1/scout.dcm": "a row about an image that is left out of its series",
        series_uid(2): "a series not to be read: not_axial",
    }  # fmt: skip


def test_near_names():
    """Digits lost, added or exchanged, other letters; the next number is a sibling, no slip."""
    near = NearNames(["1.2.826.0.1.3680043.77.12", "Scans/Head-01/0001.dcm"])
    assert near.nearest("1.2.826.0.1.3680043.77.2") == "1.2.826.0.1.3680043.77.12"
    assert near.nearest("1.2.862.0.1.3680043.77.12") == "1.2.826.0.1.3680043.77.12"
    assert near.nearest("1.2.826.0.1.3680043.77.13") == ""
    assert near.nearest("scans/heads-01/0001.DCM") == "Scans/Head-01/0001.dcm"
    assert near.nearest("9") == NearNames([]).nearest("9") == ""


def test_check_data_says_which_lines_fit_nothing(heads, tmp_path, call):
    """By reason with the first lines; --json and --problems have all of them."""
    lines = [f"head-9/{number}.dcm,yes" for number in range(8)]
    table(heads, "path,bleeding", "head-1,no", *lines)
    problems = tmp_path / "problems.csv"
    answer = call("train", "check-data", heads, "--problems", problems)
    assert answer.exit_code == 0
    printed = answer.stdout.splitlines()
    assert printed[:2] == [
        f"{heads}: labels",
        f"{heads}/labels.csv: 9 rows, 1 about images of this folder",
    ]
    at = printed.index("  8 x no such file or folder")
    assert printed[at + 1] == "      line 3: head-9/0.dcm"
    assert printed[at + 6] == "      and 3 more"
    assert printed[-1] == f"{problems}: all that is left out"
    written = problems.read_text(encoding="utf-8").splitlines()
    assert (written[0], written[8]) == (
        "line,what,reason,detail",
        "10,head-9/7.dcm,no such file or folder,",
    )
    assert "--problems FILE.csv writes all" in call("train", "check-data", heads).stdout
    document = json.loads(call("train", "check-data", heads, "--json").stdout)
    first = next(each for each in document["left_out"] if each["count"] == 8)
    assert [each["line"] for each in first["all"]] == list(range(3, 11))
    assert document["notes"][0] in printed
    table(heads, "path,bleeding", *lines)
    assert call("train", "check-data", heads).exit_code == 1
