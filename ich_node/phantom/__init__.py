"""A synthetic head CT with known bleeds, as DICOM, for the demo, commissioning, tests and
training.
"""

from ich_node.phantom.bleeds import BLEED_KINDS, BleedKind
from ich_node.phantom.canvas import PhantomSlice
from ich_node.phantom.physics import Scanner
from ich_node.phantom.pool import slices_of_head
from ich_node.phantom.study import Bleed, PhantomStudy, make_study

__all__ = [
    "BLEED_KINDS",
    "Bleed",
    "BleedKind",
    "PhantomSlice",
    "PhantomStudy",
    "Scanner",
    "make_study",
    "slices_of_head",
]
