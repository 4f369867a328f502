"""For tests of refusals."""

import pytest
from pydicom import Dataset

from ich_node import errors
from ich_node.series.read import read_series


def refusal(datasets: list[Dataset]) -> errors.Refusal:
    """The Refusal that reading raises; its detail must be a sentence about this series, not the
    default of its class.
    """
    with pytest.raises(errors.Refusal) as caught:
        read_series(datasets)
    assert caught.value.detail != type(caught.value).__doc__
    return caught.value
