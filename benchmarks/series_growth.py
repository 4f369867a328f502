"""A reading as the series grows from 10 to 1,000 slices of the same head: `python -m
benchmarks.series_growth`.
"""

import copy
import io
import os
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import pydicom
import torch
from pydicom import Dataset
from pydicom.uid import generate_uid

from benchmarks.inference import GEMM, flops
from benchmarks.pictures import new_picture, save
from benchmarks.side_by_side import write_table
from ich_node.detection.slabs import to_slabs
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import choose_engine
from ich_node.phantom import make_study
from ich_node.series.read import read_series

SIZES = [
    int(size) for size in os.environ.get("ICH_NODE_BENCH_SLICES", "10,30,100,300,1000").split(",")
]
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "3"))
HEAD_MM = 145.0


def main() -> None:
    """Writes the table and the picture."""
    bundle = open_bundle(shipped_bundle())
    detector = Detector(bundle, choose_engine(bundle, "auto", "cpu").engine)
    head = make_study(3, bleeds=("IPH", "SDH"), slice_mm=5).datasets()
    flops_per_slab, flops_per_second = flops(bundle.network()), gemm_flops_per_second()
    rows = []
    for size in SIZES:
        files = [encoded(dataset) for dataset in finer(head, size)]
        timings = [read(files, detector) for _ in range(ROUNDS + 1)][1:]
        parse, decode, detect = (median(column) for column in zip(*timings, strict=True))
        slabs = len(to_slabs(read_series(parsed(files)), bundle.input.slab_mm))
        floor = slabs * flops_per_slab / flops_per_second + copy_seconds(files)
        cells = [parse, decode, detect, parse + decode + detect, floor]
        rows.append([str(size), str(slabs), *(f"{cell:.2f}" for cell in cells)])
    write_table(
        "series-growth",
        f"A reading as the series grows: seconds, medians of {ROUNDS}; "
        f"bundle {bundle.name}, {detector.engine_name}",
        [
            "slices",
            "slabs",
            "headers",
            "decoded and checked",
            "network and detector",
            "all",
            "floor",
        ],
        rows,
        packages=["torch", "openvino", "pydicom"],
    )
    draw(rows)


def finer(head: Sequence[Dataset], size: int) -> list[Dataset]:
    """The head in `size` slices, each a copy of the nearest slice of the phantom."""
    finer_slices = []
    for index in range(size):
        dataset = copy.deepcopy(head[index * len(head) // size])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        x, y, _ = head[0].ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, round(index * HEAD_MM / size, 3)]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        finer_slices.append(dataset)
    return finer_slices


def encoded(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def parsed(files: Sequence[bytes]) -> list[Dataset]:
    return [pydicom.dcmread(io.BytesIO(file)) for file in files]


def read(files: Sequence[bytes], detector: Detector) -> tuple[float, float, float]:
    """Seconds for the headers, for decoding and checking, and for network and detector."""
    began = time.perf_counter()
    datasets = parsed(files)
    are_parsed = time.perf_counter()
    series = read_series(datasets)
    are_decoded = time.perf_counter()
    detector.read(series)
    return are_parsed - began, are_decoded - are_parsed, time.perf_counter() - are_decoded


def gemm_flops_per_second() -> float:
    left, right = torch.rand(GEMM, GEMM), torch.rand(GEMM, GEMM)
    times = []
    for _ in range(8):
        began = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - began)
    return 2 * GEMM**3 / min(times)


def copy_seconds(files: Sequence[bytes]) -> float:
    """The time to copy every byte once: a lower bound of any decoder."""
    arrays = [np.frombuffer(file, np.uint8) for file in files]
    began = time.perf_counter()
    for array in arrays:
        array.copy()
    return time.perf_counter() - began


def draw(rows: Sequence[Sequence[str]]) -> None:
    figure, axes = new_picture()
    sizes = [int(row[0]) for row in rows]
    for column, (name, style) in {
        5: ("all", "o-"),
        3: ("decoded and checked", "s-"),
        4: ("network and detector", "^-"),
    }.items():
        axes.plot(sizes, [float(row[column]) for row in rows], style, label=name)
    axes.plot(
        sizes, [float(row[6]) for row in rows], "k--", label="floor: GEMM peak and memory copy"
    )
    axes.set(xscale="log", yscale="log", xlabel="slices", ylabel="seconds")
    axes.legend(fontsize=8)
    save(figure, "growth-slices")


if __name__ == "__main__":
    main()
