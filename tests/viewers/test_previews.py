"""The pictures as any archive previews them: the ones that the documentation shows."""

import json
import urllib.request
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset

from tests.support.peers import OrthancPeer
from tests.support.viewers.pictures import pixels
from tests.support.viewers.studies import positive

pytestmark = pytest.mark.viewers


def preview(pacs: OrthancPeer, image: Dataset) -> bytes:
    """Orthanc's, as PNG."""
    request = urllib.request.Request(
        f"{pacs.url}/tools/lookup", data=str(image.SOPInstanceUID).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        (found,) = json.load(answer)
    with urllib.request.urlopen(
        f"{pacs.url}/instances/{found['ID']}/preview", timeout=30
    ) as answer:
        png: bytes = answer.read()
    return png


def test_the_archive_previews_the_summary_and_the_first_lesion(
    pacs: OrthancPeer, keep: Callable[[bytes, str], None]
) -> None:
    """Pixel for pixel what was sent."""
    peak = positive().lesions[0].peak.slice.sop_instance_uid
    (summary,) = positive().of_kind("summary")
    (overlay,) = (
        each
        for each in positive().of_kind("overlay")
        if each.SourceImageSequence[0].ReferencedSOPInstanceUID == peak
    )
    for image, name in ((summary, "summary.png"), (overlay, "overlay.png")):
        png = preview(pacs, image)
        assert np.array_equal(pixels(png), image.pixel_array)
        keep(png, name)
