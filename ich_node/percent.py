"""Numbers as people read them: one rule of rounding for every document, picture and message.

Probabilities have one decimal in percent. Nothing is ever 0 % or 100 %: an algorithm is not
certain.
"""

LEAST, MOST = 0.001, 0.999


def rounded(probability: float) -> float:
    """The probability, 0 to 1, with three decimals: 0.001 to 0.999."""
    return min(MOST, max(LEAST, round(float(probability), 3)))


def rounded_beside(probability: float, threshold: float) -> float:
    """As `rounded`, but on its side of the rounded threshold: what is below it does not look equal,
    since equal is positive.
    """
    number, limit = rounded(probability), rounded(threshold)
    if probability < threshold and number >= limit:
        return max(LEAST, round(limit - LEAST, 3))
    return number


def percent(probability: float) -> float:
    """0.1 to 99.9, with one decimal."""
    return round(100 * rounded(probability), 1)


def percent_text(probability: float) -> str:
    """As '97 %' or '99.9 %'."""
    return f"{percent(probability):g} %"


def counted(count: int, thing: str) -> str:
    """As '1 slice' or '2 slices'."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
