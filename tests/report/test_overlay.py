"""The overlay: a picture that a person can read, placed where its slice is, without any patient in
it.
"""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSNearLossless, RLELossless

from ich_node.answer import Answer
from ich_node.detection.lesions import find_lesions
from ich_node.detection.likelihood_colours import colour_of
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import LikelihoodMap
from ich_node.dicom.geometry import main_directions
from ich_node.report import ReportOptions, render_overlay
from ich_node.report.arrows import arrows_on
from ich_node.report.drawing import NUMBER_FROM_TIP, left_side
from ich_node.report.overlay import bottom_line, label_lines
from ich_node.report.slice_name import slice_place
from tests.support.report.report_examples import (
    bump,
    finding,
    head_slice,
    make_source,
    of_kind,
    positive_reading,
    read_by_hand,
    report,
)
from tests.support.report.sr_tree import groups, tracking

TOP = label_lines("image 12 (62.0 mm)", 0.974, demonstration=False)


def render(slice_, findings=(), likelihood_YX=None, **changes):
    """The findings of the slice as lesions of their own."""
    likelihood_YX = (
        np.zeros(slice_.hu_YX.shape, np.float32) if likelihood_YX is None else likelihood_YX
    )
    words = {"contour": 0.5, "top": TOP, "version": "0.1.0", **changes}
    return render_overlay(slice_, likelihood_YX, find_lesions([slice_], [findings]), **words)


def test_the_label_says_what_it_is_and_no_more():
    """The image and its place, its score, product, version, research use: the whole burned-in
    text.
    """
    assert TOP == ("image 12 (62.0 mm)  |  score of this slice 97.4 %",)
    assert bottom_line("0.1.0") == "ich-node 0.1.0  RESEARCH USE ONLY - not a medical device"


def test_a_picture_that_stands_alone_says_the_answer():
    """And every picture of a demonstration model says so first."""
    lines = {
        answer: label_lines("image 1 (0.0 mm)", 0.1, demonstration=True, answer=answer)
        for answer in (Answer.PRESENT, Answer.ABSENT, Answer.UNDETERMINED)
    }
    assert {words[0] for words in lines.values()} == {"DEMONSTRATION MODEL, NOT FOR PATIENTS"}
    assert [words[1] for words in lines.values()] == [
        "Hemorrhage PRESENT",
        "Hemorrhage ABSENT",
        "UNDETERMINED: not the whole head was read",
    ]


def test_the_side_of_the_patient_is_named():
    """R at the left edge in the usual view; L if the rows run the other way."""
    slice_ = head_slice(1)
    assert left_side(slice_) == "R"
    assert left_side(replace(slice_, image_orientation=(-1, 0, 0, 0, 1, 0))) == "L"
    assert render(slice_)[246:267, 5:20].max() > 200


def test_no_patient_is_burned_in():
    """The pixels of two patients with the same anatomy and reading are the same."""
    pixels = []
    for name, identifier in (("Doe^Jane", "1"), ("Roe^Richard", "2")):
        source = make_source(
            4,
            change=lambda dataset, n=name, i=identifier: dataset.update(
                {"PatientName": n, "PatientID": i}
            ),
        )
        reading = read_by_hand(source, [0.9, 0.1, 0.1, 0.1], {})
        results = report(source, reading)
        pixels.append(
            [
                dataset.PixelData
                for kind in ("summary", "overlay")
                for dataset in of_kind(results, kind)
            ]
        )
    assert len(pixels[0]) == 2
    assert pixels[0] == pixels[1]


def test_without_likelihood_the_slice_is_grey():
    """The brain window 40/80 and nothing else, away from the label."""
    slice_ = head_slice(1)
    middle_YXC = render(slice_)[100:400, 100:400]
    assert np.ptp(middle_YXC, axis=2).max() == 0
    expected_YX = (
        np.clip(slice_.hu_YX[100:400, 100:400].astype(np.float32) / np.float32(80), 0, 1) * 255
    ).astype(np.uint8)
    np.testing.assert_array_equal(middle_YXC[..., 0], expected_YX)


def test_more_likelihood_is_more_colour():
    """Opacity and brightness of the colour rise with the likelihood, so that a grey print still has
    the order.
    """
    slice_ = replace(head_slice(1), hu_YX=np.full((512, 512), 30, np.int16))
    ramp_YX = np.tile(np.linspace(0, 1, 512, dtype=np.float32), (512, 1))
    row_XC = render(slice_, likelihood_YX=ramp_YX)[256].astype(int)[:400]
    assert (np.diff(np.ptp(row_XC, axis=1)[40::40]) > 0).all()
    luminance = colour_of(np.linspace(0, 1, 50, dtype=np.float32)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_an_arrow_points_at_the_finding_from_beside_the_blood():
    """White with a dark rim; the region is left as it was, and the ray of the arrow meets the
    mark.
    """
    slice_ = replace(head_slice(1), hu_YX=np.full((512, 512), 40, np.int16))
    mark = finding(200, 300, 0.9)
    likelihood_YX = np.zeros((512, 512), np.float32)
    likelihood_YX[180:220, 290:340] = 1
    region = LikelihoodMap(
        sop_instance_uid=slice_.sop_instance_uid,
        logit=0.0,
        likelihood_YX=likelihood_YX,
        grid=PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0),
        size_px=512,
        region_from=0.5,
    )
    lesions = find_lesions([slice_], [[mark]], [region])
    words = {"contour": 0.5, "top": TOP, "version": "0.1.0"}
    none_YX = np.zeros((512, 512), np.float32)
    plain_YXC = render_overlay(slice_, none_YX, (), **words)
    marked_YXC = render_overlay(slice_, none_YX, lesions, **words)
    changed_YX = (plain_YXC != marked_YXC).any(axis=2)
    assert not changed_YX[180:220, 290:340].any()
    rows, columns = np.nonzero(changed_YX)
    assert np.hypot(rows - 200, columns - 300).min() < 20
    assert marked_YXC[rows, columns].max() == 255
    (arrow,) = arrows_on(slice_, lesions, 14)
    assert arrow.at == (300, 200)
    away = np.array([columns.mean() - 300, rows.mean() - 200])
    assert away / np.linalg.norm(away) @ arrow.direction == pytest.approx(-1, abs=0.05)


def test_arrows_of_two_lesions_do_not_hide_each_other():
    """Two marks side by side: their numbers are apart, and within the picture."""
    slice_ = head_slice(1)
    lesions = find_lesions([slice_], [[finding(20, 250, 0.9), finding(20, 256, 0.8)]])
    first, second = arrows_on(slice_, lesions, 14)
    numbers = [
        np.array(arrow.tip) - np.array(arrow.direction) * NUMBER_FROM_TIP * 14
        for arrow in (first, second)
    ]
    assert np.linalg.norm(numbers[0] - numbers[1]) >= 1.5 * 14
    assert min(number[1] for number in numbers) > 0


@pytest.mark.parametrize("shape", [(128, 128), (256, 320), (512, 512), (768, 1024), (100, 300)])
def test_the_label_fits_every_matrix(shape):
    """Any matrix is kept, and the text ends before the right edge."""
    slice_ = replace(
        head_slice(1, rows=shape[0], columns=shape[1]), hu_YX=np.full(shape, -1000, np.int16)
    )
    rgb_YXC = render(slice_, version="10.11.12rc1")
    assert rgb_YXC.shape == (*shape, 3)
    assert rgb_YXC.dtype == np.uint8
    assert rgb_YXC.max() > 200
    bottom_YXC = rgb_YXC[-shape[0] // 5 :]
    assert bottom_YXC[:, -2:].max() == 0


def test_the_bundled_font_is_scalable():
    """The label needs a size that fits the matrix, so the font is Pillow's own outline font."""
    assert isinstance(ImageFont.load_default(20), ImageFont.FreeTypeFont)
    draw = ImageDraw.Draw(Image.new("RGB", (10, 10)))
    assert draw.textlength("RESEARCH", font=ImageFont.load_default(20)) > draw.textlength(
        "RESEARCH", font=ImageFont.load_default(10)
    )


def test_padding_is_black():
    """Padding shows as air, whatever value it holds."""
    slice_ = head_slice(1)
    padding_YX = np.zeros((512, 512), bool)
    padding_YX[200:300, 200:300] = True
    hu_YX = np.where(padding_YX, 3000, slice_.hu_YX).astype(np.int16)
    assert render(replace(slice_, hu_YX=hu_YX, padding_YX=padding_YX))[200:300, 200:300].max() == 0


def test_one_overlay_a_positive_slice_the_most_probable_first():
    """The limit keeps the highest probabilities; the overlays are in the order of the series."""
    source = make_source(5)
    reading = read_by_hand(source, [0.8, 0.1, 0.95, 0.9, 0.76], {})
    uids = [slice_.sop_instance_uid for slice_ in source.series.slices]
    for limit, expected in ((20, [0, 2, 3, 4]), (2, [2, 3]), (0, [])):
        results = report(source, reading, options=ReportOptions(max_overlays=limit))
        shown = [
            dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
            for dataset in of_kind(results, "overlay")
        ]
        assert shown == [uids[index] for index in expected]
        assert results[0].kind == "sr"


def test_a_slab_of_thin_slices_is_shown_once():
    """Slices that share the map of their slab's middle slice get no overlay of their own."""
    source = make_source(3)
    reading = read_by_hand(source, [0.9, 0.9, 0.9], {})
    (dataset,) = of_kind(report(source, replace(reading, maps=reading.maps[1:2])), "overlay")
    assert dataset.InstanceNumber == 3
    assert (
        dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
        == source.series.slices[1].sop_instance_uid
    )


def test_an_overlay_lies_where_its_slice_does(positive):
    """Position, orientation, spacing and frame of reference are those of the source."""
    source = make_source()
    for dataset, slice_ in zip(
        of_kind(positive, "overlay"), source.series.slices[2:5], strict=True
    ):
        assert dataset.FrameOfReferenceUID == slice_.frame_of_reference_uid
        assert tuple(dataset.ImagePositionPatient) == slice_.image_position_mm
        assert tuple(dataset.ImageOrientationPatient) == slice_.image_orientation
        assert tuple(dataset.PixelSpacing) == slice_.pixel_spacing_mm
        assert dataset.PatientOrientation == ["L", "P"]
        assert dataset.SeriesDescription == "ICH AI overlay (research use only)"
        assert dataset.ImageComments.startswith("Research use only. Not a medical device.")
        assert dataset.BurnedInAnnotation == "NO"


def test_without_a_frame_of_reference_an_overlay_claims_no_place():
    """A position means nothing without its frame."""
    source = make_source(frame=None)
    dataset = of_kind(report(source, positive_reading(source)), "overlay")[0]
    for keyword in ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient"):
        assert keyword not in dataset


def test_non_square_pixels_keep_their_matrix():
    """The matrix is the source's and PixelSpacing says that its pixels are not square."""
    source = make_source(rows=256, columns=512, spacing=(0.9, 0.45))
    dataset = of_kind(report(source, positive_reading(source)), "overlay")[0]
    assert (dataset.Rows, dataset.Columns, list(dataset.PixelSpacing)) == (256, 512, [0.9, 0.45])


def test_pixels_are_the_rendered_picture():
    """What the Secondary Capture holds is what `render_overlay` draws."""
    source = make_source(1)
    mark = finding(200, 180, 0.9)
    (dataset,) = of_kind(report(source, read_by_hand(source, [0.9], {0: (mark,)})), "overlay")
    slice_ = source.series.slices[0]
    top = label_lines(slice_place(slice_), 0.9, demonstration=False)
    expected_YXC = render(slice_, (mark,), bump(200, 180, (512, 512), 0.9), top=top)
    np.testing.assert_array_equal(dataset.pixel_array, expected_YXC)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), ("L", "P")),
        ((-1, 0, 0, 0, 1, 0), ("R", "P")),
        ((1, 0, 0, 0, 0.94, -0.34), ("L", "P")),
        ((1, 0, 0, 0, -1, 0), ("L", "A")),
    ],
)
def test_main_directions_follow_the_image_orientation(orientation, expected):
    """The letters name the directions of rows and columns; a gantry tilt does not change them."""
    assert main_directions(orientation) == expected


def test_a_contour_runs_where_the_regions_end():
    """Blue beside every other pixel, on the line and nowhere else."""
    slice_ = replace(head_slice(1), hu_YX=np.full((512, 512), 30, np.int16))
    ramp_YX = np.tile(np.linspace(0, 1, 512, dtype=np.float32), (512, 1))
    for highest, level in ((1.0, 0.5), (0.4, 0.2)):
        rgb_YXC = render(slice_, likelihood_YX=highest * ramp_YX, contour=level)
        row_XC = rgb_YXC[256].astype(int)[:440]
        blue_X = row_XC[:, 2] - row_XC[:, 0] > 60
        assert np.flatnonzero(blue_X).mean() == pytest.approx(511 * level / highest, abs=1.5)
        assert 1 <= blue_X.sum() <= 3


def test_nothing_is_hidden_under_the_colour():
    """Two tissues of 10 HU difference can still be told apart under the highest likelihood."""
    hu_YX = np.where(np.arange(512) < 256, 30, 40) * np.ones((512, 1), int)
    slice_ = replace(head_slice(1), hu_YX=hu_YX.astype(np.int16))
    rgb_YXC = render(slice_, likelihood_YX=np.ones((512, 512), np.float32)).astype(float)
    plain_YXC = render(slice_).astype(float)
    under, before = (
        abs(picture[300, 300].sum() - picture[300, 200].sum()) for picture in (rgb_YXC, plain_YXC)
    )
    assert under >= 0.55 * before


def test_crosses_bear_the_number_of_their_lesion(positive):
    """As in the SR: the comments of the capture say which tracking UID each number is."""
    document = positive[0].dataset
    known = dict(tracking(group) for group in groups(document))
    comments = [dataset.ImageComments for dataset in of_kind(positive, "overlay")]
    assert comments[0].endswith(f"Lesion 1: tracking UID {known['lesion 1']}.")
    assert comments[1].endswith(
        f"Lesion 1: tracking UID {known['lesion 1']}. Lesion 2: tracking UID {known['lesion 2']}."
    )
    assert comments[2] == "Research use only. Not a medical device."


@pytest.mark.parametrize(
    ("compression", "syntax"), [("rle", RLELossless), ("none", ExplicitVRLittleEndian)]
)
def test_pictures_are_compressed_without_loss(compression, syntax):
    """RLE by default; the pixels are the same without it."""
    source = make_source(2)
    options = ReportOptions(compression=compression)
    (dataset,) = of_kind(
        report(source, read_by_hand(source, [0.1, 0.9], {}), options=options), "overlay"
    )
    assert dataset.file_meta.TransferSyntaxUID == syntax
    usual = of_kind(report(source, read_by_hand(source, [0.1, 0.9], {})), "overlay")[0]
    np.testing.assert_array_equal(dataset.pixel_array, usual.pixel_array)


def test_pictures_of_lossy_sources_say_so():
    """Also where only the transfer syntax of the source tells; a source without loss gives 00."""

    def lossy(dataset: Dataset) -> None:
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", [8.5]
        dataset.LossyImageCompressionMethod = "ISO_15444_1"

    def by_its_syntax(dataset: Dataset) -> None:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = JPEGLSNearLossless

    said = []
    for change in (lossy, by_its_syntax, Dataset.keys):
        source = make_source(2, change=change)
        results = report(source, read_by_hand(source, [0.1, 0.9], {}))
        for kind in ("summary", "overlay"):
            (dataset,) = of_kind(results, kind)
            said.append((dataset.LossyImageCompression, dataset.get("LossyImageCompressionRatio")))
    assert said == [("01", 8.5)] * 2 + [("01", None)] * 2 + [("00", None)] * 2
