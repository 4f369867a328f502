"""Who observed (TID 1002 and 1004) and by which algorithm (TID 4019), by highdicom's templates."""

from highdicom import sr as templates
from pydicom import Dataset

from ich_node.dicom.identity import DEMONSTRATION_MODEL, PRODUCT
from ich_node.report import codes
from ich_node.report.result_header import Algorithm, ResultHeader
from ich_node.report.tree import as_plain_items


def device_observer(result_header: ResultHeader) -> list[Dataset]:
    """This node, as a device."""
    device = templates.DeviceObserverIdentifyingAttributes(
        uid=result_header.device_uid,
        name=result_header.ae_title,
        manufacturer_name=PRODUCT,
        model_name=PRODUCT,
        serial_number=result_header.ae_title,
    )
    return as_plain_items(
        templates.ObserverContext(
            observer_type=templates.CodedConcept.from_code(codes.DEVICE),
            observer_identifying_attributes=device,
        )
    )


def algorithm_identification(algorithm: Algorithm) -> list[Dataset]:
    """Name, version, parameters and family.

    The manufacturer is left out: the observer names it, and PixelMed's validator does not know the
    row.
    """
    return as_plain_items(
        templates.AlgorithmIdentification(
            name=algorithm.name + (f" ({DEMONSTRATION_MODEL})" if algorithm.demonstration else ""),
            version=algorithm.version,
            parameters=[
                algorithm.details,
                f"bundle {algorithm.bundle_name}",
                f"bundle sha256 {algorithm.bundle_sha256}",
            ],
            family=codes.ARTIFICIAL_INTELLIGENCE,
        )
    )
