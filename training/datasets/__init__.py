"""Data sets as an admin unpacks them. Each reader has a file of its own, and all give the same
result:

found = read_dataset(folder)          # what is there, what is left out and why
series = load(found.series[0])        # the Series in HU, as serving would read it
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
