"""What a demonstration bundle does with the heads of patients."""

from collections.abc import Iterable

from pydicom import Dataset

from ich_node.dicom.identity import DEMONSTRATION_MODEL, PHANTOM_MODEL_NAME, PRODUCT
from ich_node.errors import DemonstrationModel
from ich_node.series.series import SeriesWarning


def demonstration_warning(bundle_name: str) -> SeriesWarning:
    return SeriesWarning(
        kind="demonstration_model",
        detail=f"{DEMONSTRATION_MODEL}: {bundle_name} shows the node at work, no more",
    )


def check_sources_are_phantoms(datasets: Iterable[Dataset], *, bundle_name: str) -> None:
    """Raises DemonstrationModel unless every object is of a phantom, as its Manufacturer and
    Manufacturer's Model Name say.
    """
    if not all(_is_of_phantom(dataset) for dataset in datasets):
        raise DemonstrationModel(
            f"{DEMONSTRATION_MODEL}: the bundle {bundle_name} may read phantoms only "
            '([bundle] demonstration_on_real_sources = "refuse"); '
            "activate a model that was trained on patients"
        )


def _is_of_phantom(dataset: Dataset) -> bool:
    return (
        str(dataset.get("Manufacturer", "")) == PRODUCT
        and str(dataset.get("ManufacturerModelName", "")) == PHANTOM_MODEL_NAME
    )
