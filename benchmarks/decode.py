"""Decoding by each decoder; preprocessing, published and ours. `python -m benchmarks.decode`."""

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from skimage.transform import resize

from benchmarks.side_by_side import TIMING_COLUMNS, Timing, take_turns, timing_cells, write_table
from ich_node.detection.network_input import (
    BRAIN,
    HEAD,
    SUBDURAL,
    InputSpec,
    Window,
    to_network_input,
)
from ich_node.phantom import make_study
from ich_node.series.hounsfield import to_hounsfield
from ich_node.series.read import read_series
from ich_node.series.series import Slice

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "9"))
SLICES = 8
THREADS = 2
SYNTAXES = (
    ExplicitVRLittleEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
)
Work = Callable[[], object]


def main() -> None:
    """Writes both tables. An AssertionError where the results are not the same: then there is
    nothing to compare.
    """
    middle = slice(11, 11 + SLICES)
    datasets = make_study(seed=7).datasets()[middle]
    write_table(
        "decode",
        f"A slice of 512 x 512 to Hounsfield units; {ROUNDS} rounds of {SLICES} slices of a "
        "phantom; all pixels are the same",
        [
            "syntax: decoder",
            "kB",
            *TIMING_COLUMNS,
            f"ms, {THREADS} threads",
            "times faster",
            "by CPU",
        ],
        [row for syntax in SYNTAXES for row in decoding(syntax, datasets)],
        packages=[
            "pydicom",
            "python-gdcm",
            "pylibjpeg-openjpeg",
            "pylibjpeg-rle",
            "pyjpegls",
            "pillow",
            "imagecodecs",
            "numpy",
        ],
    )
    write_table(
        "preprocess",
        f"A slice of 512 x 512 in Hounsfield units to network input, 3 channels; {ROUNDS} "
        f"rounds of {SLICES} slices of a phantom",
        ["preprocessing", *TIMING_COLUMNS, "times faster", "by CPU"],
        preprocessing(list(read_series(make_study(seed=7).datasets()).slices[middle])),
        packages=["numpy", "scipy", "scikit-image"],
    )


def decoding(syntax: UID, datasets: list[Dataset]) -> list[list[str]]:
    """A row for each decoder of a syntax; the last columns compare with pydicom's own choice."""
    forms = [in_syntax(dataset, syntax) for dataset in datasets]
    decoders: dict[str, Callable[[Dataset], NDArray[Any]]] = {"pydicom": as_pydicom}
    if syntax.is_compressed:
        decoders |= {
            f"pydicom, {name}": partial(as_pydicom, plugin=name)
            for name in get_decoder(syntax).available_plugins
        }
    decoders["ours"] = ours
    for form in forms:
        expected_YX = as_pydicom(form)
        assert all(np.array_equal(decoder(form), expected_YX) for decoder in decoders.values())
    alone = take_turns(
        {name: partial(one_by_one, decoder, forms) for name, decoder in decoders.items()},
        rounds=ROUNDS,
        repeats=SLICES,
    )
    together = take_turns(
        {name: partial(side_by_side, decoder, forms) for name, decoder in decoders.items()},
        rounds=ROUNDS,
        repeats=SLICES,
    )
    size_kb = np.mean([len(form.PixelData) for form in forms]) / 1000
    return [
        [
            f"{syntax.name}: {name}",
            f"{size_kb:.0f}",
            *timing_cells(alone[name]),
            f"{together[name].wall_ms:.2f}",
            *beside(alone["pydicom"], alone[name]),
        ]
        for name in decoders
    ]


def as_pydicom(dataset: Dataset, plugin: str = "") -> NDArray[Any]:
    """With the rescale that follows."""
    stored_YX = pixel_array(dataset, decoding_plugin=plugin)
    return (stored_YX.astype(np.int32) + int(dataset.RescaleIntercept)).astype(np.int16)


def ours(dataset: Dataset) -> NDArray[Any]:
    return to_hounsfield(dataset)[1]


def one_by_one(decoder: Callable[[Dataset], object], forms: list[Dataset]) -> None:
    for form in forms:
        decoder(form)


def side_by_side(decoder: Callable[[Dataset], object], forms: list[Dataset]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(decoder, forms))


def in_syntax(dataset: Dataset, syntax: UID) -> Dataset:
    """The same pixels, compressed, as a file gives them."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    form = pydicom.dcmread(io.BytesIO(buffer.getvalue()))
    if syntax in (JPEGLosslessSV1, JPEGLossless):
        stored_YX = form.pixel_array.view(np.uint16)
        predictor = 1 if syntax == JPEGLosslessSV1 else 4
        form.PixelData = encapsulate(
            [
                bytes(
                    imagecodecs.jpeg8_encode(
                        stored_YX, lossless=True, bitspersample=form.BitsStored, predictor=predictor
                    )
                )
            ]
        )
        form["PixelData"].VR = "OB"
        form["PixelData"].is_undefined_length = True
        form.file_meta.TransferSyntaxUID = syntax
    elif syntax.is_compressed:
        form.compress(syntax, generate_instance_uid=False)
    return form


def preprocessing(slices: list[Slice]) -> list[list[str]]:
    published, product = (
        InputSpec(),
        InputSpec(channels=(HEAD, BRAIN, SUBDURAL), pixel_mm=0.9, padding="air"),
    )
    for slice_ in slices:
        assert np.array_equal(
            to_network_input(slice_, published).image_CYX, as_published(slice_, published)
        )
    contestants: dict[str, Work] = {
        "published, by scikit-image": lambda: [
            as_published(slice_, published) for slice_ in slices
        ],
        "published, windows by ours": lambda: [
            to_network_input(slice_, published) for slice_ in slices
        ],
        "product: air, area means of 0.9 mm": lambda: [
            to_network_input(slice_, product, shift_hu=3.0) for slice_ in slices
        ],
    }
    timings = take_turns(contestants, rounds=ROUNDS, repeats=len(slices))
    first = next(iter(timings.values()))
    return [
        [name, *timing_cells(timing), *beside(first, timing)] for name, timing in timings.items()
    ]


def as_published(slice_: Slice, spec: InputSpec) -> NDArray[np.float32]:
    """As the authors' code has it: `skimage.transform.resize`, the ring of padding to 0, the
    windows.
    """
    hu_YX = slice_.hu_YX.astype(np.float32)
    stored_YX = resize(
        hu_YX, (spec.size_px, spec.size_px), order=0, anti_aliasing=True, preserve_range=True
    ) + np.float32(1024)
    stored_YX = np.where(stored_YX < -500, np.float32(0), stored_YX)

    def channel(window: Window | None) -> NDArray[np.float32]:
        if window is None:
            return np.asarray((stored_YX - np.float32(400)) / np.float32(1000))
        share_YX = (stored_YX - np.float32(window.lower_hu + 1024)) / np.float32(window.width_hu)
        return np.asarray(
            (np.clip(share_YX, 0, 1) * np.float32(4096) - np.float32(400)) / np.float32(1000)
        )

    return np.stack([channel(window) for window in spec.channels])


def beside(first: Timing, other: Timing) -> list[str]:
    """How many times faster, by the clock and by CPU."""
    return [f"{first.wall_ms / other.wall_ms:.1f}", f"{first.cpu_ms / other.cpu_ms:.1f}"]


if __name__ == "__main__":
    main()
