"""Whether the words of a header name a sharp (bone, lung) or a soft reconstruction kernel."""

import re
from collections.abc import Collection
from typing import Literal

from pydicom import Dataset

from ich_node.series.attributes import text_of, words_of
from ich_node.series.shipped_rules import BONE_DESCRIPTION, BONE_KERNEL, NONE, SHIPPED
from ich_node.series.words.phrases import Phrases

NAMES, WORDS = SHIPPED[BONE_KERNEL], SHIPPED[BONE_DESCRIPTION]
SHARP_WORDS, SOFT_WORDS = Phrases(WORDS.words["sharp"]), Phrases(WORDS.words["soft"])
SHARP_KERNELS = Phrases(WORDS.words["sharp"], NAMES.words["sharp"])
SOFT_KERNELS = Phrases(WORDS.words["soft"], NAMES.words["soft"])
DESCRIPTIONS = WORDS.looks_at

# Siemens by strength (H31s, Hr64, J70h, Br40d, B80f, U90u); Canon FC21; Philips by letters
SIEMENS = re.compile(r"\b[BDHIJQSTUV][A-Z]?(\d\d)[A-Z]?\b")
SIEMENS_SHARP_FROM = int(NAMES.codes["siemens_sharp_from"])
# without the letters that stand for other things in descriptions: T12, S04, V20
SIEMENS_IN_TEXT = re.compile(r"\b(?:[BHJQU]|[BHQ][A-Z])(\d\d)[A-Z]?\b")
CANON = re.compile(r"\bFC(\d)\d\b")
CANON_SHARP = NAMES.codes["canon_sharp"]
PHILIPS_SHARP, PHILIPS_SOFT = (
    re.compile(rf"^({'|'.join(NAMES.codes[codes].split(', '))})\b")
    for codes in ("philips_sharp", "philips_soft")
)

Kernel = Literal["sharp", "soft", "unknown"]


def kernel(dataset: Dataset, ignored: Collection[str] = NONE) -> Kernel:
    """What ConvolutionKernel says; where it is absent, what the descriptions say. The pixels decide
    where neither speaks, and where the rule that would refuse is ignored.
    """
    if name := text_of(dataset, "ConvolutionKernel"):
        return _unless_ignored(_of_name(name), BONE_KERNEL, ignored)
    for keyword in DESCRIPTIONS:
        if (said := _of_text(words_of(dataset, keyword))) != "unknown":
            return _unless_ignored(said, BONE_DESCRIPTION, ignored)
    return "unknown"


def bone_kernel(dataset: Dataset, ignored: Collection[str] = NONE) -> str:
    """The words that name a sharp kernel; '' if none does."""
    if kernel(dataset, ignored) != "sharp":
        return ""
    if name := text_of(dataset, "ConvolutionKernel"):
        return name
    return next(
        f"unnamed, {keyword} {word}"
        for keyword in DESCRIPTIONS
        if (word := _sharp_word(words_of(dataset, keyword)))
    )


def bone_rule(dataset: Dataset) -> str:
    """The shipped rule that judges the kernel of this object."""
    return BONE_KERNEL if text_of(dataset, "ConvolutionKernel") else BONE_DESCRIPTION


def _unless_ignored(said: Kernel, rule: str, ignored: Collection[str]) -> Kernel:
    return "unknown" if said == "sharp" and rule in ignored else said


def _of_name(name: str) -> Kernel:
    sharp = bool(SHARP_KERNELS.find(name) or PHILIPS_SHARP.match(name))
    soft = bool(SOFT_KERNELS.find(name) or PHILIPS_SOFT.match(name))
    if _is_sharp_code(name, SIEMENS) or (sharp and not soft):
        return "sharp"
    if sharp:  # "Brain Sharp": the pixels decide
        return "unknown"
    return "soft" if soft or SIEMENS.match(name) or CANON.search(name) else "unknown"


def _of_text(text: str) -> Kernel:
    sharp = bool(_sharp_word(text))
    upper = text.upper()
    soft = bool(SOFT_WORDS.find(text)) or (
        bool(SIEMENS_IN_TEXT.search(upper) or CANON.search(upper))
        and not _is_sharp_code(upper, SIEMENS_IN_TEXT)
    )
    if sharp == soft:  # both: a title for two reconstructions
        return "unknown"
    return "sharp" if sharp else "soft"


def _sharp_word(text: str) -> str:
    return SHARP_WORDS.find(text) or _is_sharp_code(text.upper(), SIEMENS_IN_TEXT)


def _is_sharp_code(text: str, siemens: re.Pattern[str]) -> str:
    for code in siemens.finditer(text):
        if int(code[1]) >= SIEMENS_SHARP_FROM:
            return code[0]
    for code in CANON.finditer(text):
        if code[1] in CANON_SHARP:
            return code[0]
    return ""
