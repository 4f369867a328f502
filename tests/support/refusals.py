"""What a test of a refusal asks."""

import pytest
from pydicom import Dataset

from ich_node import errors
from ich_node.series.series import read_series


def refusal(datasets: list[Dataset]) -> errors.Refusal:
    """The Refusal that reading gives; its detail must be a sentence about this series, not the
    class's default.
    """
    with pytest.raises(errors.Refusal) as caught:
        read_series(datasets)
    assert caught.value.detail != type(caught.value).__doc__
    return caught.value
