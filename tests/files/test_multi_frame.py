"""`ich-node read` of a multi-frame object: the answer of the classic series, and which frame it is
about.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from ich_node.files.find import find_series
from ich_node.files.read import read_files
from ich_node.files.save import save_maps
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector
from ich_node.report import ReportOptions
from tests.support.enhanced import ENHANCED_UID, concatenation, to_enhanced
from tests.support.heads import head_series
from tests.support.untrained_bundle import write_untrained_bundle

ORDER = [7, 0, 11, 3, 9, 1, 5, 2, 10, 4, 8, 6]


def read(datasets: list[Dataset], folder: Path) -> dict[str, Any]:
    folder.mkdir()
    for index, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
    write_untrained_bundle(folder / "bundle")
    (files,), _ = find_series([path for path in sorted(folder.iterdir()) if path.suffix])
    answer, _ = read_files(
        files,
        Detector(open_bundle(folder / "bundle")),
        options=ReportOptions(),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        with_dicom=True,
        demonstration_on_real_sources="mark",
    )
    save_maps([answer], folder / "maps.npz")
    document = answer.document()
    document["objects"] = [result.kind for result in answer.results]
    return document


def without_names(document: dict[str, Any]) -> dict[str, Any]:
    names = ("sop_instance_uid", "frame_number", "instance_number")
    slices = [
        {key: value for key, value in slice_.items() if key not in names}
        for slice_ in document["slices"]
    ]
    return {**document, "slices": slices, "series_instance_uid": ""}


def test_slice_by_slice_as_the_classic_series(tmp_path: Path) -> None:
    classic = read(head_series(), tmp_path / "classic")
    enhanced = read([to_enhanced(head_series(), order=ORDER)], tmp_path / "enhanced")
    parts = read(concatenation(head_series(), [5, 7]), tmp_path / "parts")

    assert without_names(enhanced) == without_names(parts) == without_names(classic)
    assert classic["positive"]
    assert not any("frame_number" in slice_ for slice_ in classic["slices"])
    assert [slice_["frame_number"] for slice_ in enhanced["slices"]] == [
        ORDER.index(index) + 1 for index in range(12)
    ]
    assert [(slice_["sop_instance_uid"], slice_["frame_number"]) for slice_ in parts["slices"]] == [
        *((f"{ENHANCED_UID}3.1", number) for number in range(1, 6)),
        *((f"{ENHANCED_UID}3.2", number) for number in range(1, 8)),
    ]
    with (
        np.load(tmp_path / "enhanced" / "maps.npz") as maps,
        np.load(tmp_path / "classic" / "maps.npz") as of_classic,
    ):
        np.testing.assert_array_equal(maps["likelihood"], of_classic["likelihood"])
        assert list(maps["frame_number"]) == [
            slice_["frame_number"] for slice_ in enhanced["slices"]
        ]
        assert not of_classic["frame_number"].any()
