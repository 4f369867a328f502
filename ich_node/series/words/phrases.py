"""Words of a table in the free text of a header, whatever its case, accents and separators."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

# Letters that do not fall apart into a letter and an accent
WITHOUT_STROKE = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "Ø": "O"})
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE"})
CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
# C+, C(+), +C, +KM; C-, C(-): signs that are words
PLUS = re.compile(r"\b(C|KM|IV|CE)\s?\(?\+\)?")
PLUS_BEFORE = re.compile(r"\+\s?(?=(C|KM|IV|KL|MDC|CIV|PDC|CM)\b)")
MINUS = re.compile(r"\b(C|KM|IV|CE)\s?(\(-\)|-(?![A-Z0-9]))")
NO_LETTER = re.compile(r"[^A-Z0-9]+")


@lru_cache(maxsize=1024)  # the objects of a series say the same
def plain(text: str) -> str:
    """Upper case without accents, words separated by one space: "HeadRoutine", "HEAD_ROUTINE" and
    "head-routine" are "HEAD ROUTINE".
    """
    letters = unicodedata.normalize("NFKD", text.translate(WITHOUT_STROKE))
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    letters = CAMEL_CASE.sub(" ", letters).upper()
    letters = MINUS.sub(r"\1 MINUS ", PLUS_BEFORE.sub(" PLUS ", PLUS.sub(r"\1 PLUS ", letters)))
    return NO_LETTER.sub(" ", letters).strip()


class Phrases:
    """Finds the phrases of a table: words by language, separated by commas, where * stands for any
    letters. A digit ends a word: HEAD is found in HEAD5MM.
    """

    def __init__(self, *tables: Mapping[str, str]) -> None:
        phrases = {
            _pattern(spelling)
            for table in tables
            for words in table.values()
            for word in words.split(",")
            for spelling in (word, word.translate(UMLAUTS))
        }
        # the longest first: of several at one place it is the one found
        self.pattern = "|".join(sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))
        self._regex = re.compile(rf"(?<![A-Z])(?:{self.pattern})(?![A-Z])")

    def find(self, text: str) -> str:
        """The first phrase in the text, in the form of `plain`; '' if there is none."""
        found = self._regex.search(plain(text))
        return found[0] if found else ""

    def without(self, text: str) -> str:
        """The text in the form of `plain`, without these phrases."""
        return " ".join(self._regex.sub(" ", plain(text)).split())


def _pattern(phrase: str) -> str:
    return "[A-Z]*".join(plain(part) for part in phrase.split("*"))
