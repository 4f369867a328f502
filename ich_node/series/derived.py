"""Images that were computed from an acquisition, pictures of a screen, and pages of text."""

from pydicom import Dataset

from ich_node.series.attributes import values_of, words_of
from ich_node.series.words.phrases import Phrases

DERIVED_TYPES = frozenset(
    {
        "MPR",
        "MIP",
        "MINIP",
        "VRT",
        "3D",
        "SSD",
        "PROJECTION IMAGE",
        "SCREEN SAVE",
        "REFORMATTED",
        "CSAPARALLEL",
        "PERFUSION",
        "PROT",  # the patient protocol of Siemens
        "DOSE",
        "DOSE_INFO",
        "DOSE REPORT",
        # of enhanced CT (PS3.3 C.8.16.2): projections, and arithmetic between images
        "ADDITION",
        "CURVED_MPR",
        "DIVISION",
        "MASKED",
        "MAXIMUM",
        "MAX_IP",
        "MINIMUM",
        "MIN_IP",
        "MULTIPLICATION",
        "QUANTITY",
        "STD_DEVIATION",
        "SUBTRACTION",
        "SURFACE_RENDER",
        "VOLUME_RENDER",
    }
)
# Pages that some scanners send as CT images with the type of an acquisition
PAGES = Phrases(
    {
        "en": "dose report, dose info, dose record, dose summary, patient protocol, exam summary, "
        "screen save, screen capture",
        "de": "Dosisbericht, Dosisprotokoll, Patientenprotokoll",
        "fr": "rapport de dose, protocole patient",
        "es": "informe de dosis, protocolo de paciente, protocolo paciente",
        "it": "rapporto dose, referto dose, protocollo paziente",
        "pt": "relatório de dose, protocolo do paciente",
        "cs": "protokol dávky, protokol pacienta, dávkový protokol",
        "pl": "raport dawki, protokół pacjenta",
    }
)


def derived_image_type(dataset: Dataset) -> str:
    """The attribute that says that the image is a reformat, projection, screenshot or page of text;
    '' if none does. A thick axial average (DERIVED, PRIMARY, AXIAL) is not one.
    """
    values = values_of(dataset, "ImageType")
    words = {word for value in values[2:] for word in (value, *value.split())}
    if values[:2] == ["DERIVED", "SECONDARY"] or words & DERIVED_TYPES:
        return "ImageType " + "\\".join(values)
    page = PAGES.find(words_of(dataset, "SeriesDescription"))
    return f"SeriesDescription {page}" if page else ""
