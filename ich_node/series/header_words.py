"""What the headers of one series say that only the pixels can confirm."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.series.body_part import NO_PART, BodyPart, body_part
from ich_node.series.contrast_words import NO_WORDS, ContrastWords, contrast_words
from ich_node.series.kernel import kernel


@dataclass(frozen=True, kw_only=True)
class HeaderWords:
    """kernel_named: every object says with which kernel it was reconstructed."""

    body_part: BodyPart = NO_PART
    contrast: ContrastWords = NO_WORDS
    kernel_named: bool = True


def header_words(datasets: Iterable[Dataset]) -> HeaderWords:
    """What any of the objects says."""
    head = other = ""
    contrast = NO_WORDS
    kernel_named = True
    for dataset in datasets:
        part = body_part(dataset)
        head, other = head or part.head, other or part.other
        contrast = max(contrast, contrast_words(dataset), key=lambda words: words.weight)
        kernel_named = kernel_named and kernel(dataset) != "unknown"
    return HeaderWords(
        body_part=BodyPart(head=head, other=other), contrast=contrast, kernel_named=kernel_named
    )
