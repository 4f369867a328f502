"""Programs that check DICOM from outside: how each is called, where it says what, and what it may
say.
"""

import os
import re
import subprocess
from pathlib import Path

from tests.support.report.odd_headers import ILLEGAL_IDENTITY, ILLEGAL_UID

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
        "TID 1501 and 1410 may be extended"
    ),
    f'{GROUP}/CODE (121071,DCM,"Finding")/CODE (363698007,SCT,"Finding Site"): '
    "Content Item not in template": "a modifier of its own place; TID 1410 may be extended",
    'Warning: /CONTAINER (126000,DCM,"Imaging Measurement Report")/TEXT (121106,DCM,"Comment"): '
    "Content Item not in template": "the verdict, first; TID 1500 may be extended",
}
# What is said of the golden study of an illegal identity, whose values are the source's.
NO_DATE = "Value invalid for this VR [DA]"
FAULTS_OF_THE_SOURCE = {
    *(
        f"Error - </{attribute}[1]> - {said}"
        for attribute, said in (
            (
                "StudyDate(0008,0020)",
                f"{NO_DATE} = <2024.05.17> - Character invalid for this VR = '.' (0x2e)",
            ),
            *(
                (
                    "PatientBirthDate(0010,0030)",
                    f"{NO_DATE} = <17.05.1950> - Character invalid for this VR = {found}",
                )
                for found in ("'.' (0x2e)", "'5' (0x35)")
            ),
            (
                "AccessionNumber(0008,0050)",
                f"Value invalid for this VR [SH] = <{'A' * 23}> - "
                "Length invalid for this VR = <23> - expected <= 16",
            ),
            (
                "StudyDescription(0008,1030)",
                f"Value invalid for this VR [LO] = <{'S' * 66}> - "
                "Length invalid for this VR = <66> - expected <= 64",
            ),
            ("PatientSex(0010,0040)", "Unrecognized enumerated value = <U>"),
        )
    ),
    *(
        f"Error - </{attribute}> - Bad attribute Value Multiplicity {said}"
        for attribute, said in (
            (
                "IssuerOfPatientID(0010,0021)",
                "= <2> (1 Required by Dictionary) Module=<IssuerOfPatientIDMacro>",
            ),
            (
                "IssuerOfPatientID(0010,0021)",
                "for Type 3 Optional - Module=<IssuerOfPatientIDMacro>",
            ),
            ("StudyID(0020,0010)", "= <2> (1 Required by Dictionary) Module=<GeneralStudy>"),
            ("StudyID(0020,0010)", "for Type 2 Required - Module=<GeneralStudy>"),
        )
    ),
}
UID_OF_THE_SOURCE = re.compile(
    r"Error - </[^>]*UID\([0-9a-f]{4},[0-9a-f]{4}\)\[1\]> - Value invalid for this VR \[UI\] = "
    rf"<{re.escape(ILLEGAL_UID)}[0-9.]*> - Leading zeroes in embedded numeric component\(s\)"
)
# How dcmpschk names the attribute of an error.
AFFECTED = re.compile(
    r"^(?:E:    Affected attribute: (\w+) \(|W: \([0-9a-f]{4},[0-9a-f]{4}\) .* (\w+)$)"
)
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


def dciodvfy_of_an_illegal_source(tool: str, path: Path) -> list[str]:
    """Findings beyond the faults that the source has."""
    return [
        line
        for line in complaints(run(tool, "-new", path).stderr)
        if line not in FAULTS_OF_THE_SOURCE and not UID_OF_THE_SOURCE.fullmatch(line)
    ]


def dcmpschk_of_an_illegal_source(tool: str, path: Path) -> list[str]:
    """Attributes with an error that are not those of the source."""
    affected = [AFFECTED.match(line) for line in run(tool, path).stderr.splitlines()]
    named = {found[1] or found[2] for found in affected if found}
    assert "PatientID" in named
    of_the_source = {*ILLEGAL_IDENTITY, "ReferencedSOPInstanceUID"}
    of_the_source |= {"StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"}
    return sorted(named - of_the_source)


def dcentvfy(tool: str, paths: list[Path]) -> list[str]:
    """Exit code 0 whatever it finds. It places AccessionNumber in two information entities, by its
    own mistake.
    """
    own = "Different information entities for attribute - Element=<AccessionNumber>"
    return [line for line in complaints(run(tool, *paths).stderr) if own not in line]


def dcmtk(tool: str, *arguments: str | Path) -> list[str]:
    """dsrdump, dsr2html: not 0 on an illegal tree. "-Ev" accepts values that break their VR."""
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
