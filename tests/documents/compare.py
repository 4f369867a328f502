"""What a document shows beside what is printed."""

import re

# What differs from run to run: times, hashes and UIDs, durations, the user, sizes.
VARYING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "TIME"),
    (r"\b(\d\d-\d\d )?\d\d:\d\d(:\d\d)?\b", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b\d+(\.\d+){4,}\b|\b2\.25\.\d+\b|…\d+\b", "UID"),
    (r"\b[0-9a-f]{8,64}\b", "HASH"),
    (r"\b\d+(\.\d+)? (s|seconds|min|minutes|h|hours|MB|GB)\b", "AMOUNT"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"process \d+ on [\w.-]+,", "PROCESS"),
    (r" by \w+", " by USER"),
    (r"[ ]{2,}", "  "),
)


def alike(line: str) -> str:
    """The line without what differs from run to run."""
    for pattern, name in VARYING:
        line = re.sub(pattern, name, line)
    return line.strip()


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether the document shows what is printed; `...` stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(agrees(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and alike(shown[0]) == alike(printed[0]) and agrees(shown[1:], printed[1:])
