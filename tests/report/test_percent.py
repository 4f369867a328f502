"""One rule of rounding for every document, picture and message."""

import pytest

from ich_node.percent import percent, percent_text, rounded, rounded_beside


@pytest.mark.parametrize(
    ("probability", "number", "text"),
    [
        (0.0, 0.1, "0.1 %"),
        (0.0004, 0.1, "0.1 %"),
        (0.97, 97.0, "97 %"),
        (0.9123, 91.2, "91.2 %"),
        (0.99951, 99.9, "99.9 %"),
        (1.0, 99.9, "99.9 %"),
    ],
)
def test_nothing_is_certain(probability, number, text):
    """One decimal, and never 0 or 100."""
    assert percent(probability) == number
    assert percent_text(probability) == text
    assert rounded(probability) == pytest.approx(number / 100)


def test_a_number_stays_on_its_side_of_the_threshold():
    """What is just below it does not read as equal to it."""
    assert rounded_beside(0.92996, 0.93) == 0.929
    assert rounded_beside(0.93, 0.93004) == 0.929
    assert rounded_beside(0.93, 0.93) == 0.93
    assert rounded_beside(0.0, 0.0005) == 0.001
