"""C-STORE: 300 CT images from storescu to this node and to others, all on one machine. `python -m
benchmarks.receive`.
"""

import os
import random
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from benchmarks.pictures import new_picture, save
from benchmarks.receivers import (
    ENVIRONMENT,
    Receiver,
    Start,
    cpu_seconds,
    ich_node,
    orthanc,
    script,
    storescp,
    tool,
)
from benchmarks.receiving_floor import send
from benchmarks.side_by_side import write_table

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "5"))
IMAGES = int(os.environ.get("ICH_NODE_BENCH_IMAGES", "300"))
WARM_UP_IMAGES = 20
GROWTH = (1, 2, 4, 8, 16)
FEW = (1, 4)
ORTHANC = "Orthanc (file synced, index not)"
FLOOR = "floor: Python, loopback, write, fsync"
GROWING = (FLOOR, ORTHANC, "ich-node")
ROOT = "1.2.826.0.1.3680043.10.1624.9"
RUN_DIGITS, IMAGE_DIGITS = b"7" * 12, b"8" * 8
# In memory: what is sent must not wait for the disk that the receivers write to.
SOURCE_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own in it


@dataclass(frozen=True, kw_only=True)
class Run:
    """One turn: images a second by the wall clock, CPU of the server for each."""

    images_per_second: float
    cpu_ms: float


def contestants() -> dict[str, Start]:
    """By name; those whose programs are not installed are left out."""
    chosen = {FLOOR: script("receiving_floor", speaks_dicom=False)}
    if tool("storescp"):
        chosen["DCMTK storescp +B (no sync, no index)"] = storescp
    if tool("Orthanc"):
        chosen[ORTHANC] = orthanc
    chosen["pynetdicom as it comes (file synced, no index)"] = script("stock_pynetdicom")
    chosen["ich-node"] = ich_node
    return chosen


def main() -> None:
    """All receivers stand by the whole time, and take turns for each number of senders: what the
    machine does besides meets all.

    What they stored stays until the end (4 GB a round): to make a file, ext4 looks past each that
    was deleted lately.
    """
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    template, shuffle = ct_image(), random.Random(1)  # noqa: S311 - an order of turns is no secret
    with ExitStack() as at_end:
        store = Path(at_end.enter_context(tempfile.TemporaryDirectory()))
        source = Path(at_end.enter_context(tempfile.TemporaryDirectory(dir=SOURCE_FOLDER)))
        receivers: dict[str, Receiver] = {}
        for name, start in contestants().items():
            (folder := store / str(len(receivers))).mkdir()
            receivers[name] = at_end.enter_context(start(folder))
            measure(receivers[name], template, source, 1, WARM_UP_IMAGES)
        for _ in range(ROUNDS):
            for senders in GROWTH:
                order = [name for name in receivers if name in GROWING or senders in FEW]
                shuffle.shuffle(order)
                for name in order:
                    runs[name, senders].append(
                        measure(receivers[name], template, source, senders, IMAGES)
                    )
    report(runs)


def measure(receiver: Receiver, template: bytes, source: Path, senders: int, count: int) -> Run:
    """New images, in equal shares from so many senders at once."""
    images = new_images(template, count)
    shares = [images[first::senders] for first in range(senders)]
    if receiver.speaks_dicom:
        commands = [
            _storescu(receiver.port, _written(share, source / str(number)))
            for number, share in enumerate(shares)
        ]
    cpu_began, began = cpu_seconds(receiver.pid), time.perf_counter()
    if receiver.speaks_dicom:
        processes = [subprocess.Popen(command, env=ENVIRONMENT) for command in commands]
        failed = [process.returncode for process in processes if process.wait() != 0]
        if failed:
            raise RuntimeError("storescu: not every image was answered with Success")
    else:
        threads = [threading.Thread(target=send, args=(receiver.port, share)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds = time.perf_counter() - began
    return Run(
        images_per_second=count / seconds,
        cpu_ms=1000 * (cpu_seconds(receiver.pid) - cpu_began) / count,
    )


def _storescu(port: int, files: list[str]) -> list[str]:
    return [
        str(tool("storescu")),
        "-R",
        "-aet",
        "CT1",
        "-aec",
        "ICHNODE",
        "127.0.0.1",
        str(port),
        *files,
    ]


def _written(images: list[bytes], folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.dcm" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        file.write_bytes(image)
    return [str(file) for file in files]


def ct_image() -> bytes:
    """A file with an uncompressed slice of 512 x 512, whose UIDs have digits to be replaced."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    run, image = RUN_DIGITS.decode(), IMAGE_DIGITS.decode()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"{ROOT}.1{run}.1.1{image}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.1{run}", f"{ROOT}.1{run}.1"
    ds.FrameOfReferenceUID = f"{ROOT}.1{run}.2"
    ds.ImageType, ds.Modality, ds.Manufacturer = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT", "Bench"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260101"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
    ds.AccessionNumber, ds.StudyID, ds.ReferringPhysicianName, ds.InstitutionName = (
        "A1",
        "1",
        "",
        "Bench",
    )
    ds.StudyDescription, ds.SeriesDescription, ds.StationName, ds.ManufacturerModelName = (
        "Head",
        "Head 5 mm",
        "CT",
        "Bench",
    )
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = (
        "Bench^Receive",
        "B1",
        "19500101",
        "O",
    )
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = (
        "CTHEAD",
        "99BENCH",
        "CT of the head",
    )
    ds.ProcedureCodeSequence = [code]
    ds.KVP, ds.SliceThickness, ds.XRayTubeCurrent, ds.ExposureTime = "120", "5", "250", "1000"
    ds.ConvolutionKernel, ds.PatientPosition, ds.BodyPartExamined, ds.GantryDetectorTilt = (
        "H30",
        "HFS",
        "HEAD",
        "0",
    )
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 2, 1, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = (
        [-125.0, -125.0, 10.0],
        [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    ds.Rows = ds.Columns = 512
    ds.PixelSpacing, ds.SamplesPerPixel, ds.PhotometricInterpretation = (
        [0.49, 0.49],
        1,
        "MONOCHROME2",
    )
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.WindowCenter, ds.WindowWidth = "-1024", "1", "40", "80"
    ds.PixelData = random.Random(1).randbytes(2 * 512 * 512)  # noqa: S311 - no secret
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def new_images(template: bytes, count: int) -> list[bytes]:
    """One series that nobody has seen."""
    run = str(time.time_ns())[-len(RUN_DIGITS) :].encode()
    ours = template.replace(RUN_DIGITS, run)
    return [
        ours.replace(IMAGE_DIGITS, str(number).zfill(len(IMAGE_DIGITS)).encode())
        for number in range(count)
    ]


def report(runs: dict[tuple[str, int], list[Run]]) -> None:
    rows, lines = [], defaultdict[str, dict[int, tuple[float, float, float]]](dict)
    for (name, senders), some in sorted(runs.items(), key=lambda item: (item[0][1], item[0][0])):
        lower, middle, upper = quantiles([run.images_per_second for run in some], n=4)
        lines[name][senders] = lower, middle, upper
        of_orthancs = median(
            run.images_per_second / beside.images_per_second
            for run, beside in zip(some, runs.get((ORTHANC, senders), some), strict=True)
        )
        cpu_ms = median(run.cpu_ms for run in some)
        rows.append(
            [
                str(senders),
                name,
                f"{middle:.0f}",
                f"{lower:.0f}-{upper:.0f}",
                f"{of_orthancs:.2f}",
                f"{cpu_ms:.2f}",
            ]
        )
    write_table(
        "receive",
        f"C-STORE of {IMAGES} uncompressed CT images of 526 kB from storescu over loopback, "
        f"{ROUNDS} rounds",
        [
            "senders at once",
            "receiver",
            "images/s",
            "quartiles",
            "of Orthanc's in the same round",
            "server CPU ms an image",
        ],
        rows,
        packages=["pynetdicom", "pydicom", "SQLAlchemy"],
    )
    draw({name: points for name, points in lines.items() if len(points) == len(GROWTH)})


def draw(lines: Mapping[str, Mapping[int, tuple[float, float, float]]]) -> None:
    """Images a second over how many send at once: lower quartile, median, upper quartile."""
    figure, axes = new_picture()
    for name, points in lines.items():
        senders = sorted(points)
        lower, middle, upper = zip(*(points[count] for count in senders), strict=True)
        (line,) = axes.plot(senders, middle, "k--" if name == FLOOR else "o-", label=name)
        axes.fill_between(senders, lower, upper, alpha=0.15, color=line.get_color())
    axes.set_xscale("log", base=2)
    axes.set_xticks(GROWTH, [str(count) for count in GROWTH])
    axes.set(xlabel="senders at once", ylabel="images a second", ylim=(0, None))
    axes.legend(fontsize=8)
    save(figure, "growth-senders")


if __name__ == "__main__":
    main()
