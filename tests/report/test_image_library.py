"""The image library: what readers know of the images that have only the SR."""

from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    sr_of,
)
from tests.support.report.sr_tree import (
    items,
    name,
    walk,
)


def test_unknown_slice_thickness_is_not_invented():
    """Without SliceThickness the image library has no such item, and all others."""
    source = make_source(2, change=lambda dataset: setattr(dataset, "SliceThickness", None))
    document = sr_of(source, negative_reading(source))
    names = [name(item) for item in walk(document)]
    assert ("112225", "DCM") not in names
    assert names.count(("110910", "DCM")) == 1  # Pixel Data Rows


def test_the_image_library_says_of_the_group_what_all_images_share():
    """Matrix and orientation once, three numbers of position for each image; what differs is said
    of each.
    """
    source = make_source(3)
    source.datasets[1].SliceThickness = "2.5"
    document = sr_of(source, negative_reading(source))
    library = next(item for item in items(document) if name(item) == ("111028", "DCM"))
    (group,) = items(library)
    shared = [name(item) for item in items(group) if item.ValueType != "IMAGE"]
    assert ("110904", "DCM") in shared
    assert ("112225", "DCM") not in shared
    images = [item for item in items(group) if item.ValueType == "IMAGE"]
    assert [len(image.ContentSequence) for image in images] == [4, 4, 4]
    thickness = [
        next(item for item in items(image) if name(item) == ("112225", "DCM")) for image in images
    ]
    assert [float(item.MeasuredValueSequence[0].NumericValue) for item in thickness] == [
        5.0,
        2.5,
        5.0,
    ]
