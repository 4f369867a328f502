"""Series of a CT scanner that are no slices, as people name them; * stands for any letters."""

LOCALIZER = {
    "en": "localizer*, localiser*, scout*, topogram*, scanogram*, surview*, pilot, dose report, "
    "dose record, dose info, exam summary, exam protocol, patient protocol, smart prep*, "
    "bolus tracking, monitoring, premonitoring, test bolus",
    "de": "Topogramm*, Übersichtsaufnahme*, Dosisprotokoll*, Dosisbericht*, Patientenprotokoll*",
    "fr": "topogramme*, radio de repérage, mode radio, rapport de dose",
    "es": "topograma*, localizador*, informe de dosis",
    "it": "topogramma*, scanogramma*, report dose, rapporto dose",
    "pt": "topograma*, localizador*, relatório de dose",
    "cs": "topogram*, dávkový protokol, protokol dávky",
    "pl": "topogram*, skanogram*, raport dawki",
}
