"""What the free text of a CT header says: body part, kernel, contrast, derivation. Each function
returns the words found, or ''.
"""

import re

from pydicom import Dataset

from ich_node.series.attributes import text_of, value_of, values_of

HEAD_WORDS = re.compile(
    r"HEAD|BRAIN|SKULL|CRANI|CEREBR|NEURO|KOPF|SCHAEDEL|SCHÄDEL|HLAV|MOZ[EK]K|TETE|TÊTE|CABEZA|ENCEPHAL|\bICH\b|\bCCT\b"
)
# Standard BodyPartExamined terms (PS3.16 annex L) and what people type into descriptions.
OTHER_PARTS = re.compile(
    r"CHEST|THORA|LUNG|ABDOM|PELVIS|LIVER|HEART|CARDIAC|CORONARY|AORTA|KIDNEY|SPINE|NECK|SHOULDER|ELBOW|WRIST|"
    r"\bHAND|\bHIP\b|KNEE|ANKLE|\bFOOT|FEMUR|TIBIA|EXTREMITY|\bARM\b|\bLEG\b|WHOLEBODY"
)
DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")

# GE and others by word; Siemens by strength (H60s, Hr64, J70h, B80f, U90u); Canon FC3x, FC5x, FC8x;
# Philips D, E, YD.
BONE_WORDS = re.compile(r"BONE|EDGE|ULTRA|LUNG|SHARP")
SIEMENS_KERNEL = re.compile(r"^[BDHIJQSTUV][A-Z]?(\d\d)[A-Z]?\b", re.IGNORECASE)
SIEMENS_BONE_FROM = 60
OTHER_BONE_KERNELS = re.compile(r"^(FC[358]\d|D|E|Y[DE])$", re.IGNORECASE)
BONE_DESCRIPTION = re.compile(r"\bBONE\b|KNOCHEN|\bOSS?EUX\b|\bHUESO\b")

NO_CONTRAST = re.compile(r"^\s*(NONE|NO|N|0|WITHOUT.*|W/?O.*|NATIV.*|PLAIN|NO CONTRAST)?\s*$")
PLAIN_WORDS = re.compile(
    r"WITHOUT|W/O|\bWO\b|NON[- ]?CON|NATIV|OHNE|PLAIN|\bPRE\b|NO CONTRAST|UNENHANCED|\bC-"
)
CONTRAST_WORDS = re.compile(
    r"\bCTA\b|ANGIO|PERFUSION|\bCTP\b|\bPOST\b(?! ?(?:OP|FOSSA|SURG|TRAUMA))|"
    r"\bC\+|\+C\b|WITH CONTRAST|W/? ?CONTRAST|ENHANCED|\bVENOUS\b|\bARTERIAL\b|\bKM\b"
)
INJECTION = re.compile(r"\d+ ?(CC|ML)\b")

DERIVED_TYPES = frozenset(
    {
        "MPR",
        "MIP",
        "MINIP",
        "VRT",
        "3D",
        "SSD",
        "PROJECTION IMAGE",
        "SCREEN SAVE",
        "REFORMATTED",
        "CSAPARALLEL",
        "PERFUSION",
    }
)


def other_body_part(dataset: Dataset) -> str:
    """A body part that is not the head. A description counts only where BodyPartExamined is empty
    and no description names the head.
    """
    part = text_of(dataset, "BodyPartExamined")
    if part:
        return (
            f"BodyPartExamined {part}"
            if OTHER_PARTS.search(part) and not HEAD_WORDS.search(part)
            else ""
        )
    words = {keyword: text_of(dataset, keyword) for keyword in DESCRIPTIONS}
    if any(HEAD_WORDS.search(text) for text in words.values()):
        return ""
    return next(
        (f"{keyword} {text}" for keyword, text in words.items() if OTHER_PARTS.search(text)), ""
    )


def bone_kernel(dataset: Dataset) -> str:
    """The kernel, if it is a sharp one. The description counts only where no kernel is named."""
    kernel = text_of(dataset, "ConvolutionKernel")
    if not kernel:
        description = text_of(dataset, "SeriesDescription")
        return f"unnamed, description {description}" if BONE_DESCRIPTION.search(description) else ""
    first = kernel.split()[0]
    strength = SIEMENS_KERNEL.match(first)
    sharp = (
        BONE_WORDS.search(kernel)
        or OTHER_BONE_KERNELS.match(first)
        or (strength and int(strength[1]) >= SIEMENS_BONE_FROM)
    )
    return kernel if sharp else ""


def contrast_statement(dataset: Dataset) -> str:
    """Words or attributes that state that contrast agent was given."""
    agent = text_of(dataset, "ContrastBolusAgent")
    if not NO_CONTRAST.match(agent):
        return f"ContrastBolusAgent {agent}"
    if value_of(dataset, "ContrastBolusAgentSequence"):
        return "ContrastBolusAgentSequence is filled"
    description = text_of(dataset, "SeriesDescription")
    if CONTRAST_WORDS.search(description) and not PLAIN_WORDS.search(description):
        return f"SeriesDescription {description}"
    return ""


def contrast_hint(dataset: Dataset) -> str:
    """A description that names an injection (a rate or a volume) but does not say whether this
    series shows it; the pixels decide.
    """
    description = text_of(dataset, "SeriesDescription")
    return (
        description if INJECTION.search(description) and not PLAIN_WORDS.search(description) else ""
    )


def derived_image_type(dataset: Dataset) -> str:
    """ImageType of a reformat, projection or screenshot. A thick axial average (DERIVED, PRIMARY,
    AXIAL) is not one.
    """
    values = values_of(dataset, "ImageType")
    words = {word for value in values[2:] for word in (value, *value.split())}
    return (
        "\\".join(values) if values[:2] == ["DERIVED", "SECONDARY"] or words & DERIVED_TYPES else ""
    )
