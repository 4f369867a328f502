"""Words about contrast agent, in eight languages: what is given, what is not, what only sounds like
it.
"""

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from ich_node.series.contrast_words import ContrastWords, contrast_words


def words_of(**attributes) -> ContrastWords:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return contrast_words(dataset)


def item(**attributes) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    "agent",
    [
        "NO IV CONTRAST",
        "NO CONTRAST",
        "NON-CONTRAST",
        "NonContrast",
        "NONE",
        "None given",
        "no",
        "N",
        "N/A",
        "NA",
        "NOT GIVEN",
        "NOT APPLICABLE",
        "UNENHANCED",
        "WITHOUT",
        "W/O",
        "WO CONTRAST",
        "Nil",
        "0",
        "0 ml",
        "-",
        "--",
        ".",
        " ",
        "NO OMNIPAQUE",
        "ORAL",
        "Oral contrast",
        "OMNIPAQUE 300 ORAL",
        "PO",
        "p.o. Telebrix",
        "OHNE",
        "OHNE KM",
        "o. KM",
        "kein Kontrastmittel",
        "Omnipaque not given",
        "ORAL ONLY, NO IV",
        "nativ",
        "nein",
        "SANS",
        "SANS INJECTION",
        "Non injecté",
        "Aucun",
        "SIN",
        "SIN CONTRASTE",
        "S/C",
        "ninguno",
        "SENZA",
        "senza mdc",
        "Nessuno",
        "SEM CONTRASTE",
        "não",
        "Nenhum",
        "BEZ",
        "bez k.l.",
        "nepodáno",
        "bez kontrastu",
        "brak",
        "nie podano",
    ],
)
def test_an_agent_that_says_that_there_was_none_is_none(agent):
    assert not words_of(ContrastBolusAgent=agent)


@pytest.mark.parametrize(
    "agent",
    [
        "ISOVUE300/100",
        "OMNIPAQUE 350",
        "NON-IONIC",
        "Non ionic OMNIPAQUE",
        "Isovue 370, no reaction",
        "IV",
        "YES",
        "APPLIED",
        "Oral & IV",
        "IV, no oral",
        "Iohexol w/o reaction",
        "Ultravist 370 80ml",
        "Imeron 400 i.v.",
        "KM",
        "Xenetix 350 IV",
        "Iomeron e.v.",
        "CE",
    ],
)
def test_an_agent_is_stated(agent):
    found = words_of(ContrastBolusAgent=agent, SeriesDescription="HEAD 5mm")
    assert found.stated
    assert found.text.startswith("ContrastBolusAgent ")


def test_an_agent_in_the_header_of_a_series_that_says_plain_is_only_a_hint():
    """Protocols leave their agent in all their series."""
    found = words_of(ContrastBolusAgent="ISOVUE 370", SeriesDescription="HEAD W/O 5mm")
    assert found
    assert not found.stated


def test_the_route_tells_the_gut_from_the_vessels():
    assert not words_of(ContrastBolusAgent="TELEBRIX", ContrastBolusRoute="ORAL")
    assert words_of(ContrastBolusAgent="TELEBRIX", ContrastBolusRoute="IV").stated


@pytest.mark.parametrize(
    ("items", "stated"),
    [
        ([], False),
        ([item()], False),
        ([item(CodeValue="", CodeMeaning="")], False),
        ([item(CodeMeaning="None")], False),
        ([item(CodeMeaning="No contrast")], False),
        ([item(CodeMeaning="Iohexol")], True),
        ([item(), item(CodeMeaning="Iodinated contrast agent")], True),
    ],
)
def test_an_item_of_the_sequence_counts_if_it_says_something(items, stated):
    assert words_of(ContrastBolusAgentSequence=Sequence(items)).stated is stated


@pytest.mark.parametrize(
    "description",
    [
        "HEAD 5mm",
        "HEAD POST-OP",
        "PostOP 24h",
        "POST EVAC",
        "POST EVD",
        "POST TPA 24H",
        "POST FALL",
        "POST-TRAUMA",
        "POST RECON",
        "POST FOSSA",
        "Enhanced iDose4",
        "Edge enhanced",
        "HEAD 10 CM",
        "Head 12.5cm FOV",
        "Head cont.",
        "Linea media",
        "Head W/O 5mm",
        "HEAD WO",
        "CT HEAD WITHOUT IV CONTRAST",
        "POST OP HEAD W/O CONTRAST",
        "HEAD NON-CON",
        "NONCONTRAST HEAD",
        "NCCT Head",
        "Head -C",
        "HEAD C- 5MM",
        "C-SPINE",
        "PRE CONTRAST THIN",
        "HEAD PRE",
        "UNENHANCED HEAD",
        "Non-enhanced",
        "CONTIGUOUS HEAD",
        "Kopf nativ 5mm",
        "CCT ohne KM",
        "Schädel o. KM",
        "CCT vor KM",
        "Tête sans injection",
        "CRANE SANS IV",
        "Cérébral non injecté",
        "CRANE S/IV",
        "CRANEO SIN CONTRASTE",
        "CRANEO S/C",
        "TAC CRANEO SIMPLE",
        "ENCEFALO SENZA MDC",
        "Capo basale",
        "CRANIO DIRETTA",
        "CRÂNIO SEM CONTRASTE",
        "Cranio s/ contraste",
        "Crânio simples",
        "Hlava nativ",
        "Mozek bez k.l.",
        "Hlava nativně",
        "Głowa bez kontrastu",
        "Glowa natywnie",
        "TK glowy bez srodka kontrastowego",
        "",
    ],
)
def test_a_plain_description_does_not_speak_of_contrast(description):
    assert not words_of(SeriesDescription=description)


@pytest.mark.parametrize(
    "description",
    [
        "CTA Head",
        "CTAngio",
        "HeadAngio 0.75 B20f",
        "CT HEAD WITH IV CONTRAST",
        "HEAD W/CONTRAST",
        "HEAD C+ 5mm",
        "HEAD +C",
        "Head Post Contrast",
        "CTP Head",
        "Cerebral venous",
        "ENHANCED HEAD",
        "Kopf mit KM",
        "Kopf m. KM",
        "CCT nativ + KM",
        "Angiographie Kopf",
        "Schädel arteriell",
        "CCT venös",
        "Crâne injecté",
        "CRANE AVEC IV",
        "Angioscanner TSA",
        "Craneo con CIV",
        "CRANEO CON CONTRASTE",
        "AngioTAC",
        "Encefalo con mdc",
        "ENCEFALO C/MDC",
        "Perfusione",
        "Crânio com contraste",
        "Crânio C/ contraste",
        "Mozek s k.l.",
        "Hlava po k.l.",
        "CTAG mozku",
        "Głowa z kontrastem",
        "Glowa po kontrascie",
        "TK angio",
    ],
)
def test_a_description_speaks_of_contrast(description):
    assert words_of(SeriesDescription=description).stated


@pytest.mark.parametrize(
    "description",
    [
        "4cc sec 150cc D3D on",
        "HEAD POST",
        "Head Post 5mm",
        "HEAD W",
        "HEAD W/WO",
        "mit und ohne KM",
    ],
)
def test_some_words_only_ask(description):
    """A rate, a POST that nothing follows, with and without: the pixels are asked."""
    found = words_of(SeriesDescription=description)
    assert found
    assert not found.stated


def test_a_volume_only_asks():
    assert words_of(ContrastBolusVolume="100") == ContrastWords(text="ContrastBolusVolume")
    assert not words_of(ContrastBolusVolume="0")
    assert not words_of(ContrastBolusVolume="100", ContrastBolusAgent="NONE")


def test_a_damaged_attribute_says_nothing():
    dataset = Dataset()
    dataset.add_new("ContrastBolusAgentSequence", "SQ", [])
    dataset[0x00180012] = RawDataElement(
        Tag("ContrastBolusAgentSequence"), "SQ", 7, b"damaged", 0, True, True
    )
    assert not contrast_words(dataset)


def test_a_protocol_only_asks_and_yields_to_the_description():
    """The plain series of an examination with contrast has its protocol's name, too."""
    assert words_of(ProtocolName="CTA_Head") == ContrastWords(text="ProtocolName CTA")
    assert not words_of(ProtocolName="CTA_Head", SeriesDescription="Head native 5.0")
