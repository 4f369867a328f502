"""Words for sharp and soft reconstructions; * stands for any letters."""

SHARP = {
    "en": "bone*, sharp*, lung",
    "de": "Knochen*, *knochen, Kno, scharf, Hartkern",
    "fr": "os, osseux, osseuse, filtre dur",
    "es": "hueso*, óseo, ósea",
    "it": "osso, ossa, osseo, ossea",
    "pt": "osso, ossos, ósseo, óssea",
    "cs": "kost*, ostr*",
    "pl": "kość, kości, kostn*, ostr*",
}
SOFT = {
    "en": "soft*, smooth, parenchyma",
    "de": "Weichteil*, Hirnparenchym, weich*, WT",
    "fr": "mou, mous, parties molles, parenchyme, doux",
    "es": "blando*, blanda*, partes blandas, parénquima",
    "it": "molli, parti molli, tessuti molli, parenchima, morbido",
    "pt": "moles, partes moles, mole, parênquima",
    "cs": "měkk*",
    "pl": "miękk*",
}

# Names of kernels that mean other things in descriptions: ULTRA LOW DOSE, HEAD STANDARD, BRAIN
SHARP_NAMES = {"all": "edge, ultra"}
SOFT_NAMES = {"all": "standard, std, stnd, brain"}
