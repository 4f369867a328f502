"""Frames of multi-frame objects as images of their own, each with a UID: training names an image by
its UID alone.
"""

from dataclasses import replace
from uuid import UUID, uuid5

from ich_node.series.series import Series

NAMESPACE = UUID("2f6f7ad1-5a0e-4c36-9d0b-7f1c80e5b9a4")


def frame_uid(sop_instance_uid: str, frame: int | None) -> str:
    """The same for the same frame, always; of an object without frames its own."""
    if frame is None:
        return sop_instance_uid
    return f"2.25.{uuid5(NAMESPACE, f'{sop_instance_uid} {frame}').int}"


def by_frame(series: Series) -> Series:
    """The series with `frame_uid` in place of the objects' UIDs."""
    return replace(
        series,
        slices=tuple(
            replace(each, sop_instance_uid=frame_uid(each.sop_instance_uid, each.frame_number))
            for each in series.slices
        ),
        left_out=tuple(
            replace(each, sop_instance_uid=frame_uid(each.sop_instance_uid, each.frame_number))
            for each in series.left_out
        ),
    )
