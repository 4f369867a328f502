"""Whether the words of a header speak of contrast agent in the vessels. They only hint: agents stay
in the headers of plain series, and protocols name an injection before it is given.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from pydicom import Dataset

from ich_node.series.attributes import items_of, words_of
from ich_node.series.shipped_rules import CONTRAST_WORDS, SHIPPED
from ich_node.series.words.phrases import Phrases, plain

RULE = SHIPPED[CONTRAST_WORDS]
WORDS = RULE.words
AGENT_WORDS = Phrases(WORDS["agent"], WORDS["names"])
EXAMINATION_WORDS = Phrases(WORDS["examination"])
NEGATIONS, PLAIN_WORDS, BOTH_WORDS = (
    Phrases(WORDS[meaning]) for meaning in ("negation", "plain", "both")
)
GUT_WORDS, VESSEL_WORDS = Phrases(WORDS["gut"]), Phrases(WORDS["vessel"])
GUT_AGENTS = Phrases(WORDS["gut"], WORDS["gut_in_agents"])
HARMLESS_WORDS, NOT_GIVEN_WORDS = Phrases(WORDS["harmless"]), Phrases(WORDS["not_given"])
NOTHING = frozenset({"", *RULE.values})
# NO IV CONTRAST, OHNE KM, SANS INJECTION DE PRODUIT DE CONTRASTE: up to two words between
NEGATED = re.compile(
    rf"(?<![A-Z])(?:{NEGATIONS.pattern}) (?:[A-Z]+ ){{0,2}}?"
    rf"(?:(?:{AGENT_WORDS.pattern}|CON)(?![A-Z]) ?)+"
)
# IV, NO ORAL
NEGATED_GUT = re.compile(rf"(?<![A-Z])(?:{NEGATIONS.pattern}) (?:{GUT_AGENTS.pattern})(?![A-Z])")
VOLUME = "ContrastBolusVolume"
AMOUNT = re.compile(r"\s*0*[1-9]")
INJECTION = re.compile(r"\d+ ?(CC|ML)\b")  # a rate or a volume
# HEAD POST, POST 5MM, HEAD W; not POST OP, POST FALL
AT_THE_END = re.compile(r"(?<![A-Z])(POST|W)(?= ?(?:[0-9 ]*(?:MM)?|AX[A-Z]*|HEAD|BRAIN)$)")


@dataclass(frozen=True, kw_only=True)
class ContrastWords:
    """text: the attribute and the words that speak of contrast agent, '' if none does. stated: they
    say that it was given (an agent, CTA), and not only that it may have been (a rate, POST).
    ignored: a rule of the site ignores them.
    """

    text: str = ""
    stated: bool = False
    ignored: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def weight(self) -> tuple[bool, bool]:
        return bool(self.text), self.stated


NO_WORDS, IGNORED_WORDS = ContrastWords(), ContrastWords(ignored=True)


def contrast_words(dataset: Dataset) -> ContrastWords:
    """What the agent, the description of the series and the protocol say, in this order."""
    description = words_of(dataset, "SeriesDescription")
    agent = _agent(dataset)
    if agent:
        # protocols leave their agent in the header of the plain series, too
        return ContrastWords(text=agent, stated=not _is_plain(description))
    if word := _contrast(description):
        stated = not BOTH_WORDS.find(description)
        return ContrastWords(text=f"SeriesDescription {word}", stated=stated)
    if _is_plain(description):
        return NO_WORDS
    if word := _hint(description):
        return ContrastWords(text=f"SeriesDescription {word}")
    if AMOUNT.match(words_of(dataset, VOLUME)) and not words_of(dataset, "ContrastBolusAgent"):
        return ContrastWords(text=VOLUME)
    if word := _contrast(words_of(dataset, "ProtocolName")):
        return ContrastWords(text=f"ProtocolName {word}")
    return NO_WORDS


def _agent(dataset: Dataset) -> str:
    """The attribute that names an agent for the vessels."""
    route = words_of(dataset, "ContrastBolusRoute")
    if GUT_AGENTS.find(route) and not VESSEL_WORDS.find(route):
        return ""
    name = words_of(dataset, "ContrastBolusAgent")
    if not is_none(name):
        return f"ContrastBolusAgent {plain(name)}"
    for item in items_of(dataset, "ContrastBolusAgentSequence"):
        meaning = words_of(item, "CodeMeaning")
        if not is_none(meaning):
            return f"ContrastBolusAgentSequence {plain(meaning)}"
    return ""


@lru_cache(maxsize=1024)
def is_none(agent: str) -> bool:
    """Whether the text of an agent says that there was none for the vessels."""
    text = HARMLESS_WORDS.without(agent)
    if not text or text in NOTHING:
        # what is left of "non-ionic" is an agent
        return not plain(agent) or plain(agent) in NOTHING
    if NOT_GIVEN_WORDS.find(text):
        return True
    rest = PLAIN_WORDS.without(NEGATED.sub(" ", NEGATED_GUT.sub(" ", text)))
    if GUT_AGENTS.find(rest) and not VESSEL_WORDS.find(rest):
        return True
    if AGENT_WORDS.find(rest) or VESSEL_WORDS.find(rest):
        return False
    return rest != text or bool(NEGATIONS.find(rest))


@lru_cache(maxsize=1024)
def _contrast(description: str) -> str:
    """The words that say that agent was given."""
    text = HARMLESS_WORDS.without(description)
    if both := BOTH_WORDS.find(text):
        return both
    text = PLAIN_WORDS.without(" ".join(NEGATED.sub(" ", text).split()))
    if GUT_WORDS.find(text) and not VESSEL_WORDS.find(text):
        return ""
    return EXAMINATION_WORDS.find(text) or AGENT_WORDS.find(text)


@lru_cache(maxsize=1024)
def _is_plain(description: str) -> bool:
    text = HARMLESS_WORDS.without(description)
    return not BOTH_WORDS.find(text) and bool(NEGATED.search(text) or PLAIN_WORDS.find(text))


@lru_cache(maxsize=1024)
def _hint(description: str) -> str:
    text = plain(description)
    found = INJECTION.search(text) or AT_THE_END.search(text)
    return found[0] if found else ""
