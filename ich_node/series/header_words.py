"""What the headers of one series say that only the pixels can confirm."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.series.body_part import NO_PART, BodyPart, body_part
from ich_node.series.contrast_words import (
    IGNORED_WORDS,
    NO_WORDS,
    ContrastWords,
    contrast_words,
)
from ich_node.series.kernel import kernel
from ich_node.series.shipped_rules import CONTRAST_WORDS, NONE, OTHER_BODY_PART


@dataclass(frozen=True, kw_only=True)
class HeaderWords:
    """kernel_named: every object says with which kernel it was reconstructed. kernel_ignored: some
    says that it is a sharp one, and a rule of the site ignores that.
    """

    body_part: BodyPart = NO_PART
    contrast: ContrastWords = NO_WORDS
    kernel_named: bool = True
    kernel_ignored: bool = False


def header_words(datasets: Iterable[Dataset], ignored: Collection[str] = NONE) -> HeaderWords:
    """What any of the objects says. ignored: shipped rules that do not hold for the series."""
    head = other = ""
    contrast = NO_WORDS
    kernel_named, kernel_ignored = True, False
    for dataset in datasets:
        part = body_part(dataset)
        head, other = head or part.head, other or part.other
        contrast = max(contrast, contrast_words(dataset), key=lambda words: words.weight)
        if kernel(dataset, ignored) == "unknown":
            kernel_named = False
            kernel_ignored = kernel_ignored or kernel(dataset) == "sharp"
    return HeaderWords(
        body_part=BodyPart(head=head, other="" if OTHER_BODY_PART in ignored else other),
        contrast=IGNORED_WORDS if contrast and CONTRAST_WORDS in ignored else contrast,
        kernel_named=kernel_named,
        kernel_ignored=kernel_ignored,
    )
