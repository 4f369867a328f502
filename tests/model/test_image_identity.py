"""The frames of one object share its UID: they are told apart by their number."""

from dataclasses import replace
from pathlib import Path

from ich_node.dicom.image_id import ImageId
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector
from ich_node.report import lesions_of
from ich_node.series.read import read_series
from tests.support.heads import head_series
from tests.support.untrained_bundle import write_untrained_bundle


def test_name_of_a_classic_image_is_its_uid() -> None:
    assert str(ImageId("1.2.3")) == "1.2.3"
    assert str(ImageId("1.2.3", 4)) == "1.2.3#4"
    assert ImageId("1.2.3", 4).within("ab" * 32) == "ab" * 32 + "#4"


def test_frames_of_one_object_are_read_as_the_slices_of_a_series(tmp_path: Path) -> None:
    write_untrained_bundle(tmp_path / "bundle")
    detector = Detector(open_bundle(tmp_path / "bundle"))
    classic = read_series(head_series())
    frames = replace(
        classic,
        slices=tuple(
            replace(slice_, sop_instance_uid="1.2.3", frame_number=number)
            for number, slice_ in enumerate(classic.slices, start=1)
        ),
    )

    of_slices, of_frames = detector.read(classic), detector.read(frames)

    assert [slice_.image for slice_ in of_frames.slices] == [
        ("1.2.3", number) for number in range(1, 13)
    ]
    assert [slice_.probability for slice_ in of_frames.slices] == [
        slice_.probability for slice_ in of_slices.slices
    ]
    assert len({slice_.probability for slice_ in of_slices.slices}) > 1
    marked = [lesion.slice_indices for lesion in lesions_of(frames, of_frames)]
    assert marked == [lesion.slice_indices for lesion in lesions_of(classic, of_slices)]
    assert marked
