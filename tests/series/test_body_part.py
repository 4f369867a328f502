"""Words about the part of the body, in eight languages, as several vendors write them."""

import pytest
from pydicom import Dataset

from ich_node.series.body_part import body_part


def part_of(**attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return body_part(dataset)


@pytest.mark.parametrize(
    "text",
    [
        "Head 5.0 H31s",
        "HeadRoutine",
        "HEAD_ROUTINE_ADULT",
        "01_HeadSeq",
        "5mm Brain",
        "CT Intracranial",
        "SKULL",
        "CCT5MM",
        "ICH Followup",
        "Schädel nativ 4.8 H31s",
        "SCHAEDEL",
        "Kopf-CT",
        "Gehirn axial",
        "Neurocranium",
        "Neurokranium 5.0",
        "TETE SANS IV",
        "Tête",
        "Crâne 5mm",
        "CEREBRAL SANS INJ",
        "TDM encéphalique",
        "CABEZA SIMPLE",
        "CRANEO S/C",
        "Cráneo",
        "Cerebro",
        "ENCEFALO DIRETTA",
        "Cranio basale",
        "TC Capo",
        "Testa",
        "CRÂNIO SEM CONTRASTE",
        "Cabeça",
        "Encéfalo",
        "Hlava nativ",
        "HLAVA 5MM",
        "Mozek",
        "CT mozku",
        "Lebka",
        "Głowa",
        "GLOWA BEZ KONTRASTU",
        "Mózgowie",
        "TK mozgu",
        "Czaszka",
    ],
)
def test_a_description_that_names_the_head_is_understood(text):
    found = part_of(BodyPartExamined="WHOLEBODY", SeriesDescription=text)
    assert found.head.startswith("SeriesDescription ")
    assert found.other == "BodyPartExamined WHOLEBODY"


@pytest.mark.parametrize(
    "text",
    [
        "Chest 5.0 B70f",
        "ThoraxRoutine",
        "CSPINE",
        "Abdomen",
        "Pelvis 3mm",
        "Sinus 2.0",
        "TEMPORAL BONE",
        "WholeBody",
        "Halsweichteile",
        "HWS",
        "Lunge 1.0",
        "Becken",
        "Hüfte",
        "HUEFTE links",
        "Ganzkörper",
        "NNH",
        "Poumon",
        "Rachis cervical",
        "Épaule",
        "EPAULE G",
        "Tórax",
        "COLUMNA",
        "Muñeca",
        "Torace",
        "ADDOME",
        "Colonna",
        "Rocche petrose",
        "Abdome total",
        "Pescoço",
        "SEIOS DA FACE",
        "Hrudník",
        "BRICHO",
        "Krční páteř",
        "Klatka piersiowa",
        "Brzuch",
        "Kręgosłup szyjny",
    ],
)
def test_a_description_that_names_another_part_is_understood(text):
    found = part_of(SeriesDescription=text)
    assert found.other.startswith("SeriesDescription ")
    assert found.head == ""


@pytest.mark.parametrize("text", ["", "5mm", "Axial", "STANDARD", "Leber*", "Default", "TEST 1"])
def test_most_words_name_no_head(text):
    assert part_of(SeriesDescription=text).head == ""


def test_only_the_word_is_quoted_never_the_description():
    """Free text may hold anything, a name too."""
    found = part_of(StudyDescription="CT Thorax Doe Jane")
    assert found.other == "StudyDescription THORAX"


def test_the_anatomic_region_is_understood():
    for meaning, found in (("Head", ("AnatomicRegionSequence HEAD", "")), ("Chest", ("", "CHEST"))):
        region = Dataset()
        region.CodeMeaning = meaning
        part = part_of(AnatomicRegionSequence=[region])
        assert part.head == found[0]
        assert part.other.endswith(found[1])


def test_head_and_neck_is_a_head():
    assert part_of(BodyPartExamined="HEADNECK") == part_of(
        BodyPartExamined="HEADNECK", StudyDescription="CT HEAD AND NECK"
    )
    assert part_of(BodyPartExamined="HEADNECK").other == ""
