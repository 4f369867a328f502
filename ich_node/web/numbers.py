"""Numbers that a browser sends."""

# 64 bits are what a database has; Python refuses to read thousands of digits.
MOST_DIGITS = 18


def number_of(word: str) -> int | None:
    """None if it is none that a job, an event or a slice can have."""
    is_number = word.isascii() and word.isdecimal() and len(word) <= MOST_DIGITS
    return int(word) if is_number else None
