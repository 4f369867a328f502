"""Statistics as JSON, and back."""

import math
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from ich_node.statistics.figures import Statistics

# Numbers that are not known are nan; JSON has none, so they are null.
WITH_NAN = ("times", "drift")


def as_document(found: Statistics) -> dict[str, Any]:
    """Times are left as they are: json.dumps(..., default=str)."""
    document: dict[str, Any] = _without_nan(asdict(found))
    return document


def from_document(document: dict[str, Any]) -> Statistics:
    """Raises ValueError."""
    known = {
        name: {key: math.nan if each is None else each for key, each in value.items()}
        if name in WITH_NAN
        else value
        for name, value in document.items()
    }
    return TypeAdapter(Statistics).validate_python(known)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
