"""Words for sharp and soft reconstructions; * stands for any letters."""

# In ConvolutionKernel and in descriptions
SHARP = {
    "en": "bone*, edge, ultra, lung, sharp*, very sharp, high resolution bone",
    "de": "Knochen*, *knochen, Kno, scharf, Hartkern, hart",
    "fr": "os, osseux, osseuse, filtre dur, dur",
    "es": "hueso*, óseo, ósea, duro",
    "it": "osso, ossa, osseo, ossea, duro",
    "pt": "osso, ossos, ósseo, óssea, duro",
    "cs": "kost*, kosti, kostní, ostr*",
    "pl": "kość, kości, kostn*, kostne, ostr*",
}

SOFT = {
    "en": "soft*, standard, std, stnd, smooth, brain, parenchyma, medium smooth",
    "de": "Weichteil*, Hirn, Hirnparenchym, weich, WT",
    "fr": "mou, mous, parties molles, parenchyme, doux",
    "es": "blando*, blanda*, partes blandas, estándar, parénquima",
    "it": "molli, parti molli, tessuti molli, parenchima, morbido",
    "pt": "moles, partes moles, mole, padrão, parênquima",
    "cs": "měkk*, měkké tkáně, mozek, mozkov*",
    "pl": "miękk*, tkanki miękkie, mózg*, mózgow*",
}
