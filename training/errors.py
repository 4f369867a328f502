"""What training raises on purpose.

::

    IchNodeError
    └── DataError    a data set or a split that must not be learned from as it is

A single image that cannot be used is no error: it is skipped, counted and named
(`training.datasets.labelled.Skip`).
"""

from ich_node.errors import IchNodeError


class DataError(IchNodeError):
    """The data cannot be used; the message names the file and the remedy."""
