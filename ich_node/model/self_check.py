"""The self-check of a bundle: what the whole pipeline gives for one fixed synthetic slice.

It is computed when a bundle is made and stored in it; loading computes it again and compares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ich_node.detection.brain_shift import brain_shift
from ich_node.detection.network_input import InputSpec, to_network_input
from ich_node.detection.peaks import Peak, PeakRule, find_peaks, upsample
from ich_node.errors import BundleError
from ich_node.model.network import MilNetwork
from ich_node.series.series import Slice

TOLERANCE = 1e-3  # of logits and map values; CPU families differ by about 1e-5


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """image: every eighth pixel of the network's input (channels, Y, X); logit (1); likelihood:
    the map before upsampling (Y, X); peaks: of the map in the pixels of the input.
    """

    image: NDArray[np.float32]
    logit: NDArray[np.float32]
    likelihood: NDArray[np.float32]
    peaks: tuple[Peak, ...]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {"image": self.image, "logit": self.logit, "likelihood": self.likelihood}


def run_self_check(network: MilNetwork, *, spec: InputSpec, rule: PeakRule) -> SelfCheck:
    """network: in evaluation mode."""
    image_CYX = check_image(spec)
    with torch.inference_mode():
        output = network(torch.from_numpy(image_CYX)[None])
    likelihood_YX = output.likelihood_BYX[0].numpy()
    return SelfCheck(
        image=image_CYX[:, ::8, ::8],
        logit=output.logit_B.numpy(),
        likelihood=likelihood_YX,
        peaks=tuple(find_peaks(upsample(likelihood_YX, spec.size_px), rule)),
    )


def compare_self_check(
    computed: SelfCheck,
    *,
    stored: dict[str, NDArray[Any]],
    stored_peaks: tuple[Peak, ...],
    origin: str,
) -> None:
    """Raises BundleError at the first difference. stored: the arrays that the bundle holds."""
    for name, values in computed.arrays().items():
        expected = stored.get(name)
        if (
            expected is None
            or expected.shape != values.shape
            or not np.allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE)
        ):
            raise BundleError(
                f"{origin}: self-check failed at '{name}': this version computes something else "
                "than when the bundle was made; use the ich-node that made it, or make the bundle "
                "again"
            )
    if _places(computed.peaks) != _places(stored_peaks):
        raise BundleError(
            f"{origin}: self-check failed at 'peaks': the detector finds other peaks than when the "
            "bundle was made"
        )


def check_image(spec: InputSpec) -> NDArray[np.float32]:
    """The network's input for the check slice: (channels, size, size)."""
    slice_ = _check_slice()
    shift_hu = brain_shift([slice_], spec.brain_hu)
    return to_network_input(slice_, spec, shift_hu=shift_hu).image_CYX


def _places(peaks: tuple[Peak, ...]) -> list[tuple[int, int]]:
    return [(peak.row, peak.column) for peak in peaks]


def _check_slice() -> Slice:
    """Skull, brain, a clot and padding, by formula: the stream of a random generator could change
    with the library.
    """
    row_YX, column_YX = np.meshgrid(np.linspace(-1, 1, 512), np.linspace(-1, 1, 512), indexing="ij")
    radius_YX = np.hypot(row_YX / 0.85, column_YX / 0.7)
    hu_YX = np.where(radius_YX < 1, 900.0, -1000.0)
    brain_YX = 32 + 6 * np.sin(9 * row_YX) * np.cos(11 * column_YX)
    hu_YX = np.where(radius_YX < 0.92, brain_YX, hu_YX)
    hu_YX = np.where(np.hypot(row_YX - 0.1, column_YX - 0.25) < 0.12, 68.0, hu_YX)
    padding_YX = np.hypot(row_YX, column_YX) > 1
    return Slice(
        sop_instance_uid="",
        sop_class_uid="",
        hu_YX=np.where(padding_YX, -3024, np.rint(hu_YX)).astype(np.int16),
        padding_YX=padding_YX,
        pixel_spacing_mm=(0.45, 0.45),
        image_position_mm=(0.0, 0.0, 0.0),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=0.0,
    )
