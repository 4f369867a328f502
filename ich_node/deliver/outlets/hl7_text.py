"""Values as HL7 v2.5.1 writes them (§2.7)."""

from textwrap import wrap

ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
LONGEST = 199  # of ST (§2.A.69), which is what receivers have room for


def escaped(text: str) -> str:
    """Words of ours: delimiters become escape sequences, control characters become spaces. A value
    of spaces alone is empty.
    """
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.translate(ESCAPES) if printable.strip(" ") else ""


def faithful(text: str) -> str:
    """A value of the source, by which it will be matched: control characters become their escape
    sequences, so that the receiver gets the same value. A value of spaces alone is
    empty.
    """
    return "".join(map(_faithful_character, text)) if text.strip(" ") else ""


def _faithful_character(character: str) -> str:
    if character < " " or character == "\x7f":
        return f"\\X{ord(character):02X}\\"
    return character.translate(ESCAPES)


def lines(text: str) -> list[str]:
    """Escaped, each of at most LONGEST characters: an escaped character has three."""
    if len(escaped(text)) <= LONGEST:
        return [escaped(text)]
    wrapped = [escaped(line) for line in wrap(text, LONGEST)]
    if max(map(len, wrapped)) > LONGEST:
        wrapped = [escaped(line) for line in wrap(text, LONGEST // 3)]
    return wrapped
