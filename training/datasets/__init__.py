"""Data sets as they lie on an admin's disk: one reader a file, all with the same result, joined by
UID.

found = read_dataset(folder)          # what is there, what is left out and why
series = load(found.series[0])        # its Slices in HU, as serving would read them
"""

from training.datasets.labelled import Box, Found, LabelledSeries, LabelledSlice, Skip, Source
from training.datasets.load import load
from training.datasets.recognise import read_dataset, recognise

__all__ = [
    "Box",
    "Found",
    "LabelledSeries",
    "LabelledSlice",
    "Skip",
    "Source",
    "load",
    "read_dataset",
    "recognise",
]
