"""highdicom takes either classic objects or one multi-frame object as the source of an image. Our
headers of frames may come from several objects (a concatenation) and leave some frames out: it gets
each frame as a classic object, and its references are then written as they have to be.
"""

from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pydicom.uid import CTImageStorage

from ich_node.report.tree import objects_of, reference_to, references_to
from ich_node.report.uids import uid_from


def as_classic(headers: Sequence[Dataset]) -> list[Dataset]:
    """The headers, those of frames with the class of a classic object and a UID of their own."""
    return [_renamed(header) if "ReferencedFrameNumber" in header else header for header in headers]


def refer_to_frames(image: Dataset, headers: Sequence[Dataset]) -> None:
    """The image was made from `as_classic(headers)`: its references name the frames instead."""
    frames = {_own_uid(header): header for header in headers if "ReferencedFrameNumber" in header}
    if not frames:
        return
    for series in image.ReferencedSeriesSequence:
        series.ReferencedInstanceSequence = objects_of(
            frames[item.ReferencedSOPInstanceUID] for item in series.ReferencedInstanceSequence
        )
    for reference in _sources_of_frames(image):
        # frames of several segments share one reference, which is then written already
        if reference.ReferencedSOPInstanceUID in frames:
            reference.update(reference_to(frames[reference.ReferencedSOPInstanceUID]))
    sources = image.SourceImageSequence
    image.SourceImageSequence = references_to(
        frames[reference.ReferencedSOPInstanceUID] for reference in sources
    )


def _sources_of_frames(image: Dataset) -> Iterator[Dataset]:
    groups = [*image.SharedFunctionalGroupsSequence, *image.PerFrameFunctionalGroupsSequence]
    for group in groups:
        for derivation in group.get("DerivationImageSequence", []):
            yield from derivation.SourceImageSequence


def _renamed(header: Dataset) -> Dataset:
    renamed = Dataset()
    renamed.update(header)
    renamed.pop("SOPClassUID")
    renamed.pop("SOPInstanceUID")
    renamed.SOPClassUID, renamed.SOPInstanceUID = CTImageStorage, _own_uid(header)
    return renamed


def _own_uid(header: Dataset) -> str:
    return str(uid_from("frame", header.SOPInstanceUID, str(header.ReferencedFrameNumber)))
