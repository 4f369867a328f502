"""A labelled series -> the Series that serving would read: the only way to pixels."""

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from ich_node.detection.series import Series, read_series
from training.datasets.ct_ich import volume_datasets
from training.datasets.labelled import LabelledSeries
from training.datasets.rsna import unwrap
from training.errors import DataError


def load(series: LabelledSeries) -> Series:
    """Raises the Refusal that serving would give, or DataError for a file that cannot be read any more."""
    return read_series(_datasets(series), single_slice=True)


def _datasets(series: LabelledSeries) -> list[Dataset]:
    if series.source == "ct-ich":
        return volume_datasets(series)
    datasets: list[Dataset] = []
    for slice_ in series.slices:
        try:
            datasets.append(pydicom.dcmread(slice_.path))
        except (InvalidDicomError, OSError, ValueError, EOFError) as error:
            raise DataError(f"cannot read {slice_.path}: {error}; get the file again or take it out of the folder") from error
    if series.source == "rsna":
        for dataset in datasets:
            unwrap(dataset)
    return datasets
