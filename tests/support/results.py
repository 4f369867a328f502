"""Results to deliver: small objects in a spool, owed to destinations by a finished job."""

from datetime import datetime, timedelta
from io import BytesIO

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.answer import Answer
from ich_node.ledger import Instance, Ledger, Result
from ich_node.spool import Spool
from tests.support.peers import SECONDARY_CAPTURE

ROOT = "1.2.826.0.1.3680043.10.1624.7."
MINUTE = timedelta(minutes=1)


def result_object(index: int, *, series: int = 1, sop_class: str = SECONDARY_CAPTURE) -> Dataset:
    """A small secondary capture, as complete as a PACS asks."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{ROOT}{series}.{index + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}{series}", f"{ROOT}{series}.0"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P1", "", ""
    ds.StudyDate = ds.StudyTime = ds.ReferringPhysicianName = ds.StudyID = ds.AccessionNumber = ""
    ds.Modality, ds.ConversionType, ds.SeriesNumber, ds.InstanceNumber = "OT", "DI", 9002, index + 1
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(range(256))
    return ds


def give_results(
    ledger: Ledger, spool: Spool, objects: list[Dataset], to: tuple[str, ...], now: datetime
) -> None:
    """Fill ledger and spool for one series as the listener and the analyser do."""
    series = objects[0].SeriesInstanceUID
    instance = Instance(
        sop_instance_uid=f"{series}.99",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_instance_uid=objects[0].StudyInstanceUID,
        series_instance_uid=series,
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        sha256=series,
        path=f"objects/00/{'0' * 64}.dcm",  # never read
        size_bytes=1,
        source="ct",
        received_at=now,
    )
    ledger.receiving.add(instance, ready_at=now, max_wait=MINUTE)
    job = ledger.reading.claim(owner="reader", now=now, lease=MINUTE, max_attempts=3)
    assert job is not None
    results = []
    for ds in objects:
        file = BytesIO()
        ds.save_as(file, enforce_file_format=True)
        stored = spool.put(file.getvalue())
        results.append(
            Result(
                sop_instance_uid=ds.SOPInstanceUID,
                sop_class_uid=ds.SOPClassUID,
                kind="overlay",
                path=stored.path,
                sha256=stored.sha256,
                size_bytes=stored.size_bytes,
            )
        )
    ledger.reading.finish(
        job,
        now=now,
        answer=Answer.PRESENT,
        series_probability=0.9,
        bundle_sha256="b",
        results=results,
        destinations=list(to),
    )
