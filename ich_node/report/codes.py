"""The coded concepts of the results, pinned: no validator notices an existing code in the wrong
place.

(123109, DCM) for example is "Manual Processing", one digit beside "Artificial Intelligence". A test
compares this table with pydicom's dictionaries, another one with every code of the golden studies:
codes that highdicom's templates write are in the table, too, since the conformance statement lists
it.
"""

from pydicom.sr.coding import Code

# TID 1500 and what it includes: the document, who observed, the image library
IMAGING_MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en-US", "RFC5646", "English (United States)")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")  # CID 270
DEVICE_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
DEVICE_MANUFACTURER = Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_MODEL = Code("121015", "DCM", "Device Observer Model Name")
DEVICE_SERIAL_NUMBER = Code("121016", "DCM", "Device Observer Serial Number")
# A validator in use knows CID 100 only without its extensions: "CT Head WO contrast" (LOINC
# 30799-1) fails there.
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
CT_PROCEDURE = Code("25045-6", "LN", "CT unspecified body region")  # CID 100
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = Code("121106", "DCM", "Comment")

# TID 1600
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
SOURCE = Code("260753009", "SCT", "Source")
MODALITY = Code("121139", "DCM", "Modality")
CT = Code("CT", "DCM", "Computed Tomography")
FRAME_OF_REFERENCE = Code("112227", "DCM", "Frame of Reference UID")
PIXEL_DATA_ROWS = Code("110910", "DCM", "Pixel Data Rows")
PIXEL_DATA_COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
HORIZONTAL_PIXEL_SPACING = Code("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING = Code("111066", "DCM", "Vertical Pixel Spacing")
SLICE_THICKNESS = Code("112225", "DCM", "Slice Thickness")
IMAGE_POSITION = tuple(
    Code(f"11090{1 + index}", "DCM", f"Image Position (Patient) {axis}")
    for index, axis in enumerate("XYZ")
)
IMAGE_ORIENTATION = tuple(
    Code(f"11090{4 + index}", "DCM", f"Image Orientation (Patient) {direction} {axis}")
    for index, (direction, axis) in enumerate(
        (direction, axis) for direction in ("Row", "Column") for axis in "XYZ"
    )
)

# TID 1501 and TID 1410 rows
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
FINDING = Code("121071", "DCM", "Finding")
INTRACRANIAL_HEMORRHAGE = Code("1386000", "SCT", "Intracranial hemorrhage")
PRESENT = Code("52101004", "SCT", "Present")  # CID 240
ABSENT = Code("272519000", "SCT", "Absent")  # CID 240
UNDETERMINED = Code("373068000", "SCT", "Undetermined")  # CID 240
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
INTRACRANIAL = Code(
    "1101003", "SCT", "Intracranial"
)  # CID 4; "Brain" would exclude blood outside of it
CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")  # CID 6048
NUMBER_OF_FRAMES = Code("121140", "DCM", "Number of Frames")
HEIGHT = Code("121207", "DCM", "Height")  # CID 7470, "vertical measurement value"
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
IMAGE_REGION = Code("111030", "DCM", "Image Region")

# TID 4019
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
ALGORITHM_FAMILY = Code("111000", "DCM", "Algorithm Family")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162

# TID 2010
OF_INTEREST = Code("113000", "DCM", "Of Interest")  # CID 7010
# CID 7031, the titles of a rejection note (IHE RAD TF, Imaging Object Change Management)
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
REJECTED_FOR_SAFETY = Code("113037", "DCM", "Rejected for Patient Safety Reasons")
INCORRECT_WORKLIST_ENTRY = Code("113038", "DCM", "Incorrect Modality Worklist Entry")
KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")

# Secondary Capture, Parametric Map
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202
CLASS_ACTIVATION = Code("130402", "DCM", "Class activation")  # CID 217

# Units
PERCENT = Code("%", "UCUM", "Percent")
MILLIMETRE = Code("mm", "UCUM", "mm")
PIXELS = Code("{pixels}", "UCUM", "Pixels")
COSINE = Code("{-1:1}", "UCUM", "{-1:1}")
FRAMES = Code("{frames}", "UCUM", "frames")
NO_UNITS = Code("1", "UCUM", "no units")

# Segmentation
ALTERED_STRUCTURE = Code("49755003", "SCT", "Morphologically Altered Structure")  # CID 7150
