"""From a labelled series to the Series that serving would read. Nothing else reads pixels."""

import pydicom
from pydicom import Dataset

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.series.read import read_series
from ich_node.series.series import Series
from training.datasets.ct_ich import volume_datasets
from training.datasets.ct_ich_8bit import stack_datasets
from training.datasets.frame_uids import by_frame
from training.datasets.labelled import LabelledSeries
from training.datasets.rsna import unwrap
from training.datasets.tissue import slice_datasets
from training.errors import DataError


def load(series: LabelledSeries) -> Series:
    """Raises the Refusal that serving would raise, or DataError for a damaged or missing file."""
    try:
        read = read_series(_datasets(series), single_slice=True)
        return by_frame(read) if series.source == "labels" else read
    except PARSING_ERRORS as error:
        folder = series.slices[0].path.parent
        raise DataError(
            f"series {series.series_instance_uid} in {folder} cannot be read: {error}; "
            "get its files again or take them out"
        ) from error


def _datasets(series: LabelledSeries) -> list[Dataset]:
    if series.source == "ct-ich":
        return volume_datasets(series)
    if series.source == "ct-ich-8bit":
        return stack_datasets(series)
    if series.source == "tissue":
        return slice_datasets(series)
    # the frames of a multi-frame object have one path
    paths = dict.fromkeys(slice_.path for slice_ in series.slices)
    datasets: list[Dataset] = [pydicom.dcmread(path) for path in paths]
    if series.source == "rsna":
        for dataset in datasets:
            unwrap(dataset)
    return datasets
