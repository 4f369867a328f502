"""Which part of the body the words of a header name."""

from dataclasses import dataclass

from pydicom import Dataset

from ich_node.series.attributes import items_of, words_of
from ich_node.series.shipped_rules import OTHER_BODY_PART, SHIPPED
from ich_node.series.words.phrases import Phrases

RULE = SHIPPED[OTHER_BODY_PART]
*KEYWORDS, REGION = RULE.looks_at
HEAD_WORDS, OTHER_WORDS = Phrases(RULE.words["head"]), Phrases(RULE.words["other"])


@dataclass(frozen=True, kw_only=True)
class BodyPart:
    """The attribute that names the head, and one that names only another part, each with the word;
    '' if none does.
    """

    head: str = ""
    other: str = ""


NO_PART = BodyPart()


def body_part(dataset: Dataset) -> BodyPart:
    """What BodyPartExamined, the anatomic region and the descriptions name. Words only hint:
    whether it is a head is for the pixels to say.
    """
    head = other = ""
    texts = [(keyword, words_of(dataset, keyword)) for keyword in KEYWORDS] + [
        (REGION, words_of(region, "CodeMeaning")) for region in items_of(dataset, REGION)
    ]
    for keyword, text in texts:
        if word := HEAD_WORDS.find(text):
            head = head or f"{keyword} {word}"
        elif word := OTHER_WORDS.find(text):
            other = other or f"{keyword} {word}"
    return BodyPart(head=head, other=other)
