"""Programs that check DICOM from outside: how each is called, where it says what, and what it may
say.
"""

import os
import re
import subprocess
from pathlib import Path

# Exact texts of warnings that are no fault of the object, each with its reason.
SPATIAL = "the 2022 edition does not know the spatial modules of the current Secondary Capture IOD"
GROUP = (
    'Warning: /CONTAINER (126000,DCM,"Imaging Measurement Report")'
    '/CONTAINER (126010,DCM,"Imaging Measurements")/CONTAINER (125007,DCM,"Measurement Group")'
)
ALLOWED = {
    **{
        f"Warning - </{attribute}> - Attribute is not present in standard DICOM IOD": SPATIAL
        for attribute in (
            "FrameOfReferenceUID(0020,0052)",
            "PositionReferenceIndicator(0020,1040)",
            "ImagePositionPatient(0020,0032)",
            "ImageOrientationPatient(0020,0037)",
            "SliceThickness(0018,0050)",
        )
    },
    **{
        f"Warning - </{attribute}> - Missing attribute or value that would be needed to build"
        " DICOMDIR": "nobody builds one"
        for attribute in (
            "PatientID(0010,0020)",
            "StudyDate(0008,0020)",
            "StudyTime(0008,0030)",
            "StudyID(0020,0010)",
        )
    },
    f'{GROUP}/CODE (1386000,SCT,"Intracranial hemorrhage"): Content Item not in template': (
        "the 2022 edition of TID 1501 has no row for qualitative evaluations"
    ),
    f'{GROUP}/TEXT (121106,DCM,"Comment"): Content Item not in template': (
        "TID 1501 may be extended"
    ),
}
NODE_NUMBER = re.compile(r"^(Warning: |Error: )[\d.]+: ")  # PixelMed's, of the place in the tree
# JDK 17 limits XPath to fewer operators than PixelMed's style sheets have; it would die with exit
# code 0.
JAVA_OPTIONS = (
    "-Djdk.xml.xpathTotalOpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathExprGrpLimit=0"
    # a short run: half the CPU time without the second compiler
    " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": JAVA_OPTIONS}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=200,
        env=environment,
        check=False,
    )


def complaints(output: str) -> list[str]:
    """Errors, and warnings that are not allowed."""
    lines = [NODE_NUMBER.sub(r"\1", line) for line in output.splitlines()]
    return [
        line
        for line in lines
        if line.startswith(("Error", "Abort", "Warning")) and line not in ALLOWED
    ]


def dciodvfy(tool: str, path: Path) -> list[str]:
    """Findings go to standard error; 1 on any error."""
    checked = run(tool, "-new", path)
    return complaints(checked.stderr) + (
        [f"exit {checked.returncode}"] if checked.returncode else []
    )


def dcentvfy(tool: str, paths: list[Path]) -> list[str]:
    """Exit code 0 whatever it finds. It places AccessionNumber in two information entities, by its
    own mistake.
    """
    own = "Different information entities for attribute - Element=<AccessionNumber>"
    return [line for line in complaints(run(tool, *paths).stderr) if own not in line]


def dcmtk(tool: str, *arguments: Path) -> list[str]:
    """dsrdump, dsr2html: not 0 on an illegal tree."""
    checked = run(tool, *arguments)
    said = [line for line in checked.stderr.splitlines() if line.startswith(("E:", "F:"))]
    return said + ([f"exit {checked.returncode}"] if checked.returncode else [])


def dcmpschk(tool: str, path: Path) -> list[str]:
    """Exit code 0 whatever it finds.

    It takes the bytes of ISO_IR 192 for single, partly control, characters, and wants a patient's
    name, which is of type 2.
    """
    said = run(tool, path).stderr.splitlines()
    if "W: Test passed." in said:
        return []
    values = [line for line in said if "Attribute value   :" in line]
    errors = [line for line in said if line.startswith("E: Error")]
    foreign = [value for value in values if not value.isascii()]
    nameless = "W: patientName absent or empty in presentation state" in said
    return [] if (foreign or nameless) and len(foreign) == len(values) == len(errors) else said


def pixelmed(tool: str, path: Path) -> list[str]:
    """It always exits with 0, so the line of its last step must be there."""
    checked = run(tool, path)
    output = checked.stdout + checked.stderr
    illegal = [line for line in output.splitlines() if "illegal" in line]
    unfinished = (
        []
        if "Root Template Validation Complete" in output.splitlines()
        else ["not validated to the end"]
    )
    return complaints(output) + illegal + unfinished
