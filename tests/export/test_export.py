"""jobs export: what leaves the spool, and what does not."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import SecondaryCaptureImageStorage

from ich_node.answer import Answer
from ich_node.export.write import by_reason
from ich_node.ledger import SELECTION, TABLE, Job, Verdict
from ich_node.series.read import read_series
from tests.support.command_line import Ran, ich_node
from tests.support.enhanced import to_enhanced
from tests.support.heads import head_series
from tests.support.read_series import ReadNode, read_node

NAME, UMLAUT = "Quisling^Zaphod", "Grünwald^Jörg"
SECRETS = (
    "quisling", "zaphod", "7351942", "19310227", "8841207", "sector zz9", "prefect", "20260101",
    "grünwald", "jörg", "山田",
)  # fmt: skip
PATIENT = {
    "PatientName": NAME, "PatientID": "PID-7351942", "PatientBirthDate": "19310227",
    "AccessionNumber": "ACC-8841207", "InstitutionName": "Sector ZZ9",
    "ReferringPhysicianName": "Prefect^Ford", "PatientAge": "094Y",
}  # fmt: skip


def series(number: int, *, study: int = 0, **attributes: Any) -> list[Dataset]:
    """A head with UIDs of its own."""
    uids = {
        "StudyInstanceUID": f"1.2.826.0.1.99.{study or number}",
        "SeriesInstanceUID": f"1.2.826.0.1.99.{study or number}.{number}",
    }
    made = head_series(
        **{
            **PATIENT,
            **uids,
            "ConvolutionKernel": "H31s",
            "SeriesDescription": f"{NAME} Head",
            "ProtocolName": "HEAD",
            "BodyPartExamined": "HEAD",
            **attributes,
        }
    )
    for index, each in enumerate(made):
        each.SOPInstanceUID = f"{each.SeriesInstanceUID}.{index + 1}"
    return made


def plant(datasets: Sequence[Dataset]) -> None:
    """The patient in odd places that the profile, or what we add to it, removes."""
    for ds in datasets:
        ds.ImageComments = f"{NAME}, born 1931-02-27"
        ds.private_block(0x0029, "QUISLING SYSTEMS", create=True).add_new(1, "LO", NAME)
        ds.private_block(0x0021, "X", create=True).add_new(2, "UN", b"Quisling^Zaphod ")
        request = Dataset()
        request.RequestedProcedureID, request.RequestedProcedureDescription = "PID-7351942", NAME
        request.ScheduledProcedureStepDescription = "Prefect, Ford"
        ds.RequestAttributesSequence = Items([request])
        nested, deep = Dataset(), Dataset()
        deep.PatientID, deep.OperatorsName = "PID-7351942", "Prefect^Ford"
        deep.private_block(0x0013, "CTP", create=True).add_new(1, "LO", "Zaphod")
        nested.CodeMeaning, nested.CodeValue, nested.CodingSchemeDesignator = (
            "32 cm",
            "113691",
            "DCM",
        )
        nested.add_new("PurposeOfReferenceCodeSequence", "SQ", Items([deep]))
        ds.CTDIPhantomTypeCodeSequence = Items([nested])
        ds.add_new(0x00081190, "UR", "http://pacs/Quisling")
        ds.add_new(0x60000010, "US", 8)
        ds.add_new(0x60000022, "LO", "Zaphod")
        ds.add_new(0x00091001, "LO", "Quisling")  # private, without a creator
        ds.IrradiationEventUID = "1.2.826.0.1.7351942.1"
        ds.ContrastBolusAgent = ""


def page(of: Dataset) -> Dataset:
    """A capture in the series of the head, with the name in its pixels."""
    ds = pydicom.dcmread(BytesIO(bytes_of(of)))
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, f"{of.SeriesInstanceUID}.90"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    return ds


def localizer(of: Dataset) -> Dataset:
    ds = pydicom.dcmread(BytesIO(bytes_of(of)))
    ds.SOPInstanceUID, ds.ImageType = (
        f"{of.SeriesInstanceUID}.91",
        ["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    return ds


def bytes_of(ds: Dataset) -> bytes:
    file = BytesIO()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


@dataclass(kw_only=True)
class Archive:
    """Jobs that were read: one in odd words, one in other character sets of the same study; and one
    of another patient, to whom nothing was said.
    """

    node: ReadNode
    odd: Job
    other: Job
    third: Job
    originals: list[Dataset]

    def export(self, *arguments: object) -> Ran:
        return ich_node("jobs", "export", *arguments, config=self.node.config)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with read_node(tmp_path_factory.mktemp("archive")) as node:
        first = series(1)
        plant(first)
        odd = node.read([*first, page(first[0]), localizer(first[0])])
        second = series(
            2,
            study=1,
            SpecificCharacterSet=["ISO 2022 IR 6", "ISO 2022 IR 87"],
            PatientName="Yamada^Tarou=山田^太郎",
            ImageComments="山田",
            InstitutionName="Sector ZZ9",
        )
        for ds in second:
            ds.SpecificCharacterSet = "ISO_IR 192"
        other = node.read(second, answer=Answer.ABSENT)
        third = node.read(
            series(3, PatientName=UMLAUT, PatientID="P-3", SpecificCharacterSet="ISO_IR 100")
        )
        at = node.clock.now
        uids = [str(ds.SOPInstanceUID) for ds in first[3:5]]
        node.ledger.verdicts.record(
            [
                Verdict(job_id=odd.id, at=at, bleeding=True, type="", who="Lee^Ann",
                        origin=SELECTION, origin_uid="2.25.1", slices="\n".join(uids)),
                Verdict(job_id=odd.id, at=at, bleeding=True, type="subdural", who="Roe",
                        origin=TABLE),
                Verdict(job_id=other.id, at=at, bleeding=False, type="", who="Lee^Ann",
                        origin=TABLE),
            ],
            by="root",
        )  # fmt: skip
        yield Archive(node=node, odd=odd, other=other, third=third, originals=first)


@pytest.fixture(scope="module")
def exported(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it, de-identified."""
    out = tmp_path_factory.mktemp("out") / "export"
    ran = archive.export("--out", out, "--since", "2020-01-01", "--deidentify")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        f"3 series, 36 files in {out}, de-identified",
        "2 objects were not read, and not exported",
    ]
    return out


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "labels.csv").read_text(encoding="utf-8").splitlines()))


def test_nobody_is_named_in_the_export(exported: Path) -> None:
    """Not in a file, whatever its encoding, a file's name or the labels."""
    assert len(files(exported)) == 37
    for path in files(exported):
        data = path.read_bytes()
        shown = pydicom.dcmread(path) if path.suffix == ".dcm" else ""
        if shown:
            del shown.PixelData
        text = f"{path.relative_to(exported)}\n{shown}\n{data.decode('latin-1')}".casefold()
        text += data.decode("utf-8", "ignore").casefold()
        assert [secret for secret in SECRETS if secret in text] == [], path.name
        assert "1.2.826.0.1.99" not in text


def test_what_training_needs_survives(exported: Path, archive: Archive) -> None:
    """The node reads the same Hounsfield units at the same places; kernel and thickness stay."""
    before = read_series(archive.originals)
    written = [pydicom.dcmread(path) for path in sorted((exported / "series-0001").iterdir())]
    after = read_series(written)
    assert len(after.slices) == len(before.slices) == 12
    for old, new in zip(before.slices, after.slices, strict=True):
        assert np.array_equal(old.hu_YX, new.hu_YX)
        assert (old.image_position_mm, old.pixel_spacing_mm, old.instance_number) == (
            new.image_position_mm,
            new.pixel_spacing_mm,
            new.instance_number,
        )
    assert {(ds.ConvolutionKernel, float(ds.SliceThickness), ds.KVP) for ds in written} == {
        ("H31s", 10.0, 120)
    }
    assert after.age_years is None
    assert not after.warnings


def test_the_profile_is_stated(exported: Path) -> None:
    """What was done, and by which profile; no private attribute is left at any depth."""
    ds = pydicom.dcmread(exported / "series-0001" / "0001.dcm")
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.DeidentificationMethod.endswith(": PS3.15 basic profile")
    assert len(ds.DeidentificationMethod) <= 64  # VR LO
    assert ds.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert ds.LongitudinalTemporalInformationModified == "REMOVED"
    assert ds.ContrastBolusAgent == ds.PatientBirthDate == ""
    assert ds.CTDIPhantomTypeCodeSequence[0].CodeMeaning == "32 cm"
    private = [element.tag for element in ds.iterall() if element.tag.is_private]
    assert private == []
    assert "SourceApplicationEntityTitle" not in ds.file_meta


def test_new_uids_are_consistent(exported: Path) -> None:
    """One study stays one study, one patient one patient; the labels have the same UIDs."""
    first, second, third = (
        pydicom.dcmread(exported / f"series-000{number}" / "0001.dcm") for number in (1, 2, 3)
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID != third.StudyInstanceUID
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID
    assert len({first.SeriesInstanceUID, second.SeriesInstanceUID, third.SeriesInstanceUID}) == 3
    assert first.PatientID.startswith("P-")
    assert third.PatientID != first.PatientID
    labelled = {row["path"]: row for row in rows(exported)}
    for path, row in labelled.items():
        if row["slice"]:
            ds = pydicom.dcmread(exported / path, stop_before_pixels=True)
            assert row["slice"] == ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID
            assert (row["series_uid"], row["study_uid"], row["patient"]) == (
                ds.SeriesInstanceUID,
                ds.StudyInstanceUID,
                ds.PatientID,
            )


def test_the_labels_say_what_readers_said(exported: Path, archive: Archive) -> None:
    """Of series and slices; readers are numbers. Of a head without bleeding no slice bleeds."""
    said = [(row["path"], row["bleeding"], row["type"], row["who"]) for row in rows(exported)]
    assert said[:2] == [
        ("series-0001", "yes", "", "reader-1"),
        ("series-0001", "yes", "subdural", "reader-2"),
    ]
    marked = [path for path, bleeding, _, _ in said if bleeding == "yes" and path.endswith(".dcm")]
    assert marked == ["series-0001/0004.dcm", "series-0001/0005.dcm"]
    assert {each[1:] for each in said if each[0].startswith("series-0002")} == {
        ("no", "", "reader-1")
    }
    assert {each[1:] for each in said if each[0].startswith("series-0003")} == {("unknown", "", "")}


def test_a_multi_frame_object_is_cleaned_in_its_depths(tmp_path: Path) -> None:
    """Its frames keep their places, and have a row each; their dates are gone."""
    slices = series(1, PatientID="0001", StationName="0001")
    enhanced = to_enhanced(slices)
    for number, item in enumerate(enhanced.PerFrameFunctionalGroupsSequence):
        item.FrameContentSequence[0].FrameAcquisitionDateTime = f"20260101101{number:03d}"
        item.FrameContentSequence[0].FrameComments = NAME
    with read_node(tmp_path) as node:
        node.read([enhanced])
        config = node.config
        ran = ich_node("jobs", "export", "--out", tmp_path / "x", 1, "--deidentify", config=config)
    assert ran.stdout.splitlines() == [f"1 series, 1 file in {tmp_path / 'x'}, de-identified"]
    written = pydicom.dcmread(tmp_path / "x" / "series-0001" / "0001.dcm")
    before, after = read_series([enhanced]), read_series([written])
    for old, new in zip(before.slices, after.slices, strict=True):
        assert np.array_equal(old.hu_YX, new.hu_YX)
        assert (old.position_mm, old.frame_number) == (new.position_mm, new.frame_number)
    content = written.PerFrameFunctionalGroupsSequence[3].FrameContentSequence[0]
    assert "FrameComments" not in content
    assert content.get("FrameAcquisitionDateTime", "0001")[:4] == "0001"
    assert [row["frame"] for row in rows(tmp_path / "x")] == ["", *map(str, range(1, 13))]


def test_without_deidentify_it_asks(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written unless somebody agrees; then the bytes are those of the spool, and the
    labels have the original UIDs and readers.
    """
    out = tmp_path / "out"
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    ran = archive.export("--out", out, archive.odd.id)
    assert ran.exit_code == 1
    assert "without --deidentify these files name their patients" in ran.stdout
    assert not out.exists()
    ran = archive.export("--out", out, archive.odd.id, "--yes")
    assert ran.stdout.splitlines()[0] == f"1 series, 12 files in {out}, with the patients' names"
    spooled = {
        archive.node.spool.read(each.path)
        for each in archive.node.ledger.operator.instances(archive.odd)
    }
    assert {path.read_bytes() for path in out.rglob("*.dcm")} <= spooled
    assert rows(out)[0]["series_uid"] == archive.odd.series_instance_uid
    assert rows(out)[0]["who"] == "Lee^Ann"
    assert out.stat().st_mode & 0o077 == 0


def test_what_cannot_be_exported_is_explained(archive: Archive, tmp_path: Path) -> None:
    """A folder with something in it, no jobs, unknown jobs; an empty folder is taken."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        (("--out", tmp_path / "full", 1), "exists and is not empty; choose another --out"),
        (("--out", tmp_path / "a"), "give either jobs, or --since and --until"),
        (("--out", tmp_path / "a", 1, "--since", "2d"), "give either jobs"),
        (("--out", tmp_path / "a", 77), "there is no job '77'"),
        (("--out", tmp_path / "a", "--since", "2040-01-01"), "no series was received in this time"),
        (("--out", tmp_path / "a", "--since", "soon"), "--since 'soon' is not a time"),
    ):
        ran = archive.export(*arguments, "--deidentify")
        assert (ran.exit_code, words in ran.stderr) == (2, True), ran
    assert archive.export("--out", tmp_path / "empty", 3, "--deidentify").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]


def test_what_was_not_read_is_left_out(tmp_path: Path) -> None:
    """Refused series, those whose files were removed, and those that a rule refuses now."""
    with read_node(tmp_path) as node:
        node.read(series(1))
        node.receive(series(2))
        node.ledger.operator.cancel(node.job.id, now=node.clock.now)
        swept = node.read(series(3))
        refused = node.read(series(4)[:3])
        for path in node.ledger.operator.instances(swept):
            node.spool.absolute(path.path).unlink()
        ran = ich_node(
            "jobs", "export", "--out", tmp_path / "out", 1, 2, swept.id, refused.id,
            "--deidentify", config=node.config,
        )  # fmt: skip
    assert ran.exit_code == 0, ran
    assert ran.stdout.splitlines()[:3] == [
        "left out: job 2: cancelled, not read",
        "left out: job 3: the files are not in the spool",
        "left out: job 4: would be refused now: too_few_slices",
    ]


def test_the_rules_of_the_site_hold(tmp_path: Path) -> None:
    """What a rule lets be read is exported, although the shipped rules would refuse it; what a rule
    refuses now is left out.
    """
    with read_node(tmp_path) as node:
        with node.config.open("a", encoding="utf-8") as config:
            config.write(
                '[[rules]]\nname = "our-bone"\naction = "read"\nkernel = "BONE"\n'
                '[[rules]]\nname = "perf"\naction = "refuse"\ndescription = "perf*"\n'
                'reason = "perfusion is read elsewhere"\n'
            )
        node.read(series(1, ConvolutionKernel="BONE"))
        node.read(series(2, SeriesDescription="Perf"))
        arguments = ("jobs", "export", "--out", tmp_path / "out", 1, 2, "--deidentify")
        ran = ich_node(*arguments, config=node.config)
    assert ran.exit_code == 0, ran
    assert ran.stdout.splitlines()[0] == "left out: job 2: would be refused now: site_rule"
    assert len(list((tmp_path / "out" / "series-0001").iterdir())) == 12


@pytest.mark.parametrize(
    ("attributes", "keyword", "where"),
    [
        ({"ConvolutionKernel": "ZAPHOD's"}, "PatientName", "ConvolutionKernel"),
        ({"SoftwareVersions": ["VA1", "acc 8841207"]}, "AccessionNumber", "SoftwareVersions"),
        ({"ConvolutionKernel": "19310227"}, "PatientBirthDate", "ConvolutionKernel"),
    ],
)
def test_a_name_where_none_belongs_fails_the_export(
    tmp_path: Path, attributes: dict[str, Any], keyword: str, where: str
) -> None:
    """The attribute, the job, the object and the file are named, the value is not; nothing is left
    of the export.
    """
    with read_node(tmp_path) as node:
        slices = series(1)
        for name, value in attributes.items():
            setattr(slices[7], name, value)
        node.read(slices)
        ran = ich_node(
            "jobs", "export", "--out", tmp_path / "out", 1, "--deidentify", config=node.config
        )
    assert ran.exit_code == 1
    assert ran.stderr.strip() == (
        f"ich-node: nothing was exported: job 1, object {slices[7].SOPInstanceUID}: a value of its"
        f" {keyword} stands in {where} of series-0001/0008.dcm. Export the others without this job"
    )
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_left_out_jobs_are_counted_by_their_reason() -> None:
    """One line for each reason, however many jobs there are."""
    left_out = [(number, "swept") for number in range(1, 14)] + [(20, "held, not read")]
    assert by_reason(left_out) == [
        ("jobs 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more", "swept"),
        ("job 20", "held, not read"),
    ]
