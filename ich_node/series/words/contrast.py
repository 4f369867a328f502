"""Words for contrast agent, and for none; * stands for any letters."""

# What is given, in descriptions
AGENT = {
    "en": "contrast*, contr, IV, enhanced, enhancement, inj, injected, injection, dye",
    "de": "KM, Kontrastmittel*, Kontrast*, i.v.",
    "fr": "contraste, produit de contraste, PDC, inj*, injecté, injection, iode",
    "es": "contraste, CIV, C.I.V., medio de contraste, MDC",
    "it": "contrasto, mezzo di contrasto, MDC, m.d.c.",
    "pt": "contraste, meio de contraste, EV, E.V.",
    "cs": "kontrast*, kontrastní*, k.l., JKL",
    "pl": "kontrast*, kontraści*, kontr",
}

# Words of an examination that needs an agent
EXAMINATION = {
    "en": "CTA, CTV, CTP, CECT, angio*, *angio, *angiography, angiogram, perfusion*, venogra*, "
    "arterial, venous, bolus tracking, C plus, plus C, W C, W contrast, with contrast",
    "de": "Angio*, *angio, *angiographie, Perfusion*, arteriell*, venös*, mit KM, nach KM, "
    "KM plus, plus KM, KM Gabe, KM-Gabe",
    "fr": "angioscanner*, angio*, perfusion*, artériel*, veineu*, avec injection, injecté",
    "es": "angio*, AngioTAC, AngioTC, perfusión, arterial, venoso, venosa",
    "it": "angio*, AngioTC, perfusione, arterioso, arteriosa, venoso, venosa, C MDC, CMDC",
    "pt": "angio*, AngioTC, perfusão, arterial, venoso, venosa, com contraste, C contraste",
    "cs": "CTAG, angio*, perfuz*, perfúz*, arteriální, venózní, po KL, s KL",
    "pl": "angio*, perfuzj*, tętnicz*, żyln*, po kontraście, z kontrastem",
}

# Before the word for the agent
NEGATION = {
    "en": "no, non, none, not, w o, wo, without, minus, pre, before, nil",
    "de": "ohne, kein, keine, keinem, nicht, vor",
    "fr": "sans, pas de, non, aucun, aucune, avant",
    "es": "sin, no, ningún, ninguno, antes de, previo a",
    "it": "senza, no, non, nessun, nessuno, prima di",
    "pt": "sem, não, nenhum, antes do",
    "cs": "bez, před, ne, žádný, žádná, žádné, nepodán*, nepodan*",
    "pl": "bez, brak, nie, przed, żaden, nie podano",
}

# After the name of the agent, too
NOT_GIVEN = {
    "en": "not given, not administered, not used, not applicable, not injected, refused",
    "de": "nicht gegeben, nicht verabreicht, nicht appliziert",
    "fr": "non administré, non injecté, pas injecté",
    "es": "no administrado, no se administró",
    "it": "non somministrato, non iniettato",
    "pt": "não administrado, não injetado",
    "cs": "nepodán*, nepodan*, neaplikov*",
    "pl": "nie podano, nie podany",
}

# Alone they say that there is no agent
PLAIN = {
    "en": "unenhanced, non enhanced, nonenhanced, noncon*, NCCT, NECT, plain, pre, C minus, "
    "CE minus, IV minus, w o, wo, without",
    "de": "nativ*, ohne, o. KM, o. Kontrast*, KM minus",
    "fr": "non injecté, non injectée, sans, natif, spontané, S C, S IV, S inj*, S PDC",
    "es": "simple, sin, basal, S C, S CIV, S contraste, S IV",
    "it": "basale, diretta, senza, S C, S MDC, SMDC, in bianco",
    "pt": "simples, sem, S C, S contraste, S EV",
    "cs": "nativn*, nativ, bez",
    "pl": "natywn*, bez, bez kontrastu",
}

# Says both: the words do not tell which of the two this series is
BOTH = {
    "en": "w wo, w w o, wo w, w o w, with and without, without and with, with without, pre post, "
    "pre and post",
    "de": "mit und ohne, ohne und mit, ohne mit, mit ohne, nativ und KM, nativ KM, vor und nach",
    "fr": "avec et sans, sans et avec, sans puis avec, avant et après",
    "es": "con y sin, sin y con, antes y después",
    "it": "con e senza, senza e con, prima e dopo",
    "pt": "com e sem, sem e com, antes e depois",
    "cs": "s a bez, před a po",
    "pl": "z i bez, bez i z, przed i po",
}

# An agent for the gut is not in the vessels of the brain
GUT = {
    "en": "oral*, orally, per os, enteric, rectal*, water",
    "de": "oral*, peroral*, rektal*, enteral*",
    "fr": "oral*, per os, rectal*, voie orale",
    "es": "oral, vía oral, rectal",
    "it": "orale, per os, rettale",
    "pt": "oral, via oral, retal",
    "cs": "perorál*, p.o., ústy, rektál*",
    "pl": "doustn*, doodbytn*, p.o.",
}
# Only where an agent or its route is named: in Czech and Polish it is the word for "after"
GUT_IN_AGENTS = {"all": "PO"}
VESSEL = {"all": "IV, I V, EV, E V, intraven*, intravascular, dożyln*, nitrožil*, endoven*, CIV"}

# Words that only sound like contrast or like none
HARMLESS = {
    "all": "enhanced iDose*, enhanced recon*, enhanced iterative, enhanced CT, edge enhanced, "
    "edge enhancement, high contrast, low contrast, contrast scale, contrast window, "
    "non ionic, nonionic, nicht ionisch*, non ionique, no iónico, non ionico, não iónico, "
    "não iônico, neiont*, niejonow*"
}

# Contrast agents by name: a negation elsewhere in the text ("NO REACTION") does not undo them
NAMES = {
    "all": "Omnipaque*, Accupaque*, Isovue*, Iopamiro*, Iopamidol*, Solutrast*, Scanlux*, "
    "Visipaque*, Iodixanol*, Ultravist*, Iopromid*, Optiray*, Optiject*, Ioversol*, Iomeron*, "
    "Imeron*, Iomeprol*, Xenetix*, Iobitridol*, Oxilan*, Ioxilan*, Iohexol*, Telebrix*, Hexabrix*, "
    "Conray*, Iopentol*, Imagopaque*"
}
NOTHING = frozenset(
    {"", "0", "N", "NA", "N A", "NIL", "NULL", "NONE", "X", "NEIN", "NON", "NE", "NIE", "BRAK"}
    | {"0ML", "0 ML", "0 0", "0 0ML", "0 0 ML", "FALSE", "NEG", "NEGATIVE", "NEANT", "NENHUM"}
)
