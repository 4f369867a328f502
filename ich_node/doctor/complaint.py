"""One thing that is wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """sentence: what is wrong, and where; remedy: what to do, "" if the sentence says it."""

    sentence: str
    remedy: str = ""
