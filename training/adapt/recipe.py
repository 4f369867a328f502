"""How much is learned and measured, and how long it takes."""

from dataclasses import dataclass, replace

from ich_node.model.bundle import Bundle
from training.presets import Preset, preset_of

PRESET_OF = {"pyramid": "product", "published": "published", "paper": "paper"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """tissue_slices: bleeds are drawn into them, from the training studies. phantom_slices: beside
    them, so that the network keeps what it knows. positive_weight: slices of the site's positives
    in an epoch, for each tissue slice. rate: the highest learning rate; lower than that of a whole
    training, so that the network stays near the one that is known. validation_slices: of left-out
    heads, for the curve; nothing is chosen by them.

    drawn_bleeds, phantom_heads: measured with, in each of two halves: by one the calibration and
    the threshold are chosen, by the other both bundles are judged.
    """

    tissue_slices: int = 2048
    phantom_slices: int = 1024
    positive_weight: float = 0.125
    epochs: float = 6.0
    rate: float = 1e-3
    batch: int = 16
    validation_slices: int = 192
    drawn_bleeds: int = 300
    phantom_heads: int = 40

    def preset_for(self, parent: Bundle) -> Preset:
        """The recipe with the parent's network and input."""
        return replace(
            preset_of(PRESET_OF[parent.network_spec.architecture]),
            network=parent.network_spec,
            input=parent.input,
            stages=((self.epochs, self.rate),),
            cosine=True,
            batch=self.batch,
            keep="last",
            checks=1,
        )
