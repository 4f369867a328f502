"""One version, in all that the node writes."""

import pytest

from ich_node.dicom.identity import version_name_of_file, without_build

BUILD = "0.2.0.dev20261129+g1d33a9726.d20261129"


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("0.2.0", "ICHNODE_0.2.0"),
        ("0.2.0.dev0", "ICHNODE_0.2.0dev"),
        (BUILD, "ICHNODE_0.2.0dev"),
        ("12.10.3.dev20261129+g1d33a9726", "ICHNODE_12.10.3d"),
    ],
)
def test_the_version_name_of_a_file_has_16_characters(version: str, name: str) -> None:
    """VR SH; a build before a release is not called like the release."""
    assert version_name_of_file(version) == name
    assert len(name) <= 16


def test_a_text_of_64_characters_has_room_for_the_version() -> None:
    """VR LO of De-identification Method, where the commit is left out."""
    assert without_build(BUILD) == "0.2.0.dev20261129"
    assert without_build("0.2.0") == "0.2.0"
