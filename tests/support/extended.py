"""Cases of which `make test` runs some, and `make extended` the others."""

from collections.abc import Sequence
from typing import Any

import pytest

EACH = 3


def sampled(cases: Sequence[Any]) -> list[Any]:
    """Every third case runs always."""
    return [
        case if number % EACH == 0 else pytest.param(case, marks=pytest.mark.extended)
        for number, case in enumerate(cases)
    ]
