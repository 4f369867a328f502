"""The licences of everything that an environment has, as a table; none of them may be the GPL.

`python -m release.licences PREFIX` prints it for the environment at PREFIX, and what is wrong on
standard error; the exit code is then 1.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Under the LGPL. None is part of this program: each is a library that it imports unchanged, in
# files of its own, which whoever runs it can replace (LGPL 3.0, section 4 d 1).
RIGHT = {
    "psycopg": "only for PostgreSQL; imported unchanged, replaceable",
    "psycopg-binary": "only for PostgreSQL; imported unchanged, replaceable",
}
# Shared libraries that wheels often carry and that are under the GPL, with no exception for those
# who link them. (libgomp, libgfortran and libquadmath of GCC have one, or are under the LGPL.)
GPL_LIBRARIES = re.compile(
    r"lib(x264|x265|xvidcore|fftw3\w*|gsl|gslcblas|lzo2|readline|poppler|mpg123|rubberband)\b"
)
UNKNOWN = "UNKNOWN"
GPL = re.compile(r"(?<!L)GPL|(?<!Lesser )General Public License")  # and the AGPL
LESSER = re.compile(r"LGPL|Lesser General Public License")


@dataclass(frozen=True, kw_only=True)
class Licensed:
    """A library; licence: as it says itself, an SPDX expression where it has one."""

    name: str
    version: str
    licence: str


def licences_of(prefix: Path) -> list[Licensed]:
    """Of all that is installed at this prefix, by pip-licenses."""
    options = ("--python", f"{prefix}/bin/python", "--from=all", "--format=json", "--with-system")
    command = [sys.executable, "-m", "piplicenses", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(
        (
            Licensed(name=one["Name"], version=one["Version"], licence=_stated(one))
            for one in json.loads(done.stdout)
        ),
        key=lambda one: one.name.lower(),
    )


def _stated(library: dict[str, str]) -> str:
    """The expression, the classifiers, or the first licence that the metadata names."""
    for kind in ("License-Expression", "License-Classifier", "License-Metadata"):
        text = library.get(kind, UNKNOWN)
        if text != UNKNOWN:
            named = re.search(r"^License: (.+)$", text, re.MULTILINE)
            return named[1] if named else text.splitlines()[0]
    return UNKNOWN


def what_is_wrong(libraries: list[Licensed]) -> list[str]:
    """A sentence for each library without a known licence, under the GPL or the AGPL, or under the
    LGPL without a reason why that is right.
    """
    wrong = []
    for one in libraries:
        choices = one.licence.split(" OR ")
        free = [choice for choice in choices if not GPL.search(choice)]
        if one.licence == UNKNOWN:
            wrong.append(f"{one.name} states no licence")
        elif not free:
            wrong.append(f"{one.name} is under {one.licence}, which production must not have")
        elif all(LESSER.search(choice) for choice in free) and one.name.lower() not in RIGHT:
            wrong.append(f"{one.name} is under {one.licence}: say in RIGHT why that is right")
    return wrong


def gpl_libraries(prefix: Path) -> list[str]:
    """A sentence for each shared library that its name shows to be under the GPL."""
    return [
        f"{path.relative_to(prefix)} is under the GPL"
        for path in sorted(prefix.rglob("*.so*"))
        if GPL_LIBRARIES.match(path.name)
    ]


def table(libraries: list[Licensed]) -> str:
    """Markdown."""
    rows = [
        f"| {one.name} | {one.version} | {one.licence} | {RIGHT.get(one.name.lower(), '')} |"
        for one in libraries
    ]
    head = ["| library | version | licence | why it is right |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def main(prefix: Path) -> int:
    libraries = licences_of(prefix)
    wrong = [*what_is_wrong(libraries), *gpl_libraries(prefix)]
    sys.stdout.write(table(libraries))
    sys.stderr.writelines(f"{sentence}\n" for sentence in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
