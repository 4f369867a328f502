"""The coded concepts of the results, pinned: no validator notices a wrong code that exists.

(123109, DCM) is "Manual Processing", one digit beside "Artificial Intelligence". A test compares this table with pydicom's
dictionaries.
"""

from pydicom.sr.coding import Code

# TID 1500, TID 1501 and TID 1410 rows
FINDING = Code("121071", "DCM", "Finding")
INTRACRANIAL_HEMORRHAGE = Code("1386000", "SCT", "Intracranial hemorrhage")
PRESENT = Code("52101004", "SCT", "Present")  # CID 240
ABSENT = Code("272519000", "SCT", "Absent")  # CID 240
CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")  # CID 6048
PERCENT = Code("%", "UCUM", "Percent")
INTRACRANIAL = Code("1101003", "SCT", "Intracranial")  # CID 4; "Brain" would exclude blood outside of it
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162
# A validator in use knows CID 100 only without its extensions: "CT Head WO contrast" (LOINC 30799-1) fails there.
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
CT_PROCEDURE = Code("25045-6", "LN", "CT unspecified body region")  # CID 100
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = Code("121106", "DCM", "Comment")
DEVICE = Code("121007", "DCM", "Device")  # CID 270

# Image library
SLICE_THICKNESS = Code("112225", "DCM", "Slice Thickness")

# Secondary Capture
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202
