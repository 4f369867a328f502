"""One object for each SOP Instance UID. The same object may come twice, or once more with a
corrected header; then the newest counts. Different images under one UID are a fault of the source:
nobody knows which of them a reference means.
"""

from collections.abc import Sequence

from pydicom import Dataset

from ich_node.errors import IchNodeError, Refusal, SharedUid
from ich_node.series.attributes import uid_of, value_of
from ich_node.series.frames import frames_of, with_pixels
from ich_node.series.hounsfield import to_hounsfield

# What decides which image it is, and where in the patient.
PLACE = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
)


def newest_of_each(datasets: Sequence[Dataset]) -> list[Dataset]:
    """datasets: oldest first. Raises SharedUid."""
    versions: dict[str, list[Dataset]] = {}
    without_uid = []
    for dataset in datasets:
        uid = uid_of(dataset, "SOPInstanceUID")
        if uid:
            versions.setdefault(uid, []).append(dataset)
        else:
            without_uid.append(dataset)
    shared = {
        uid: same for uid, same in versions.items() if not all(_is_one(same[-1], a) for a in same)
    }
    if shared:
        uid, same = next(iter(shared.items()))
        objects = sum(map(len, shared.values()))
        raise SharedUid(
            f"{objects} objects with different pixels or positions share {len(shared)} "
            f"{'SOP Instance UIDs' if len(shared) > 1 else 'SOP Instance UID'}, for example {uid} "
            f"({len(same)} objects); give each image a UID of its own at the source"
        )
    return [same[-1] for same in versions.values()] + without_uid


def _is_one(newest: Dataset, other: Dataset) -> bool:
    """Whether two versions of an object differ in their headers alone."""
    if newest is other:
        return True
    try:
        frames, others = frames_of(newest), frames_of(other)
    except Refusal:
        return False
    return len(frames) == len(others) and all(map(_is_one_image, frames, others))


def _is_one_image(newest: Dataset, other: Dataset) -> bool:
    if any(_value(newest, keyword) != _value(other, keyword) for keyword in PLACE):
        return False
    try:
        newest, other = with_pixels(newest), with_pixels(other)
        if _value(newest, "PixelData") == _value(other, "PixelData"):
            return True
        # the same image may come in another transfer syntax
        return bool((to_hounsfield(newest)[1] == to_hounsfield(other)[1]).all())
    except IchNodeError:
        return False


def _value(dataset: Dataset, keyword: str) -> object:
    try:
        return value_of(dataset, keyword)
    except IchNodeError:
        return None
