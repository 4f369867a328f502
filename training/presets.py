"""Three recipes for training, by name. A run may change the head, the length, the learning rate,
the batch and the size of the matrix; all else is the preset's.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from ich_node.detection.network_input import (
    BRAIN,
    HEAD,
    STANDARD_DEVIATION,
    SUBDURAL,
    WINDOW_RANGE,
    InputSpec,
)
from ich_node.model.network import WIDTHS, NetworkSpec
from training.augment import Augmentation
from training.errors import DataError
from training.pool import BRAIN_HU, FIELD_MM, SIZE_PX

Head = Literal["max", "attention"]
SLAB_MM = 5.0


@dataclass(frozen=True, kw_only=True)
class MapLoss:
    """For examples with masks: cross-entropy of each cell of the map against the share of blood in
    it.

    positive_share: cells with more blood are positive; cells with less, but some, are left out.
    """

    weight: float = 3.0
    positive_weight: float = 4.0
    positive_share: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Sharpening:
    """Pooling by log-mean-exp of the map; its sharpness grows from `first` (nearly the mean) to
    `last` (nearly the maximum).

    The maximum sends the gradient of a slice to one cell. This pooling sends it to every cell at
    first and to the highest cells at last. Serving takes the maximum, and so does the calibration.
    """

    first: float = 1.0
    last: float = 16.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe.

    stages: epochs and their learning rate: (20, 0.01), (10, 0.001) ...; with cosine, one stage
    whose rate falls to 0. class_weights: cross-entropy weighted by N/N+ and N/N- (paper §II-C).
    keep: whose weights go into the bundle: those of the best validation accuracy, or the last ones.
    checks: validations per epoch. gate: whether the bundle's first peak rule has a slice gate.
    """

    name: str
    network: NetworkSpec
    input: InputSpec
    stages: tuple[tuple[float, float], ...]
    cosine: bool = False
    batch: int = 128
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    augmentation: Augmentation = field(default_factory=Augmentation)
    class_weights: bool = False
    map_loss: MapLoss | None = None
    sharpening: Sharpening | None = None
    clip_gradient: float | None = None
    keep: Literal["best accuracy", "last"] = "last"
    checks: int = 1
    gate: bool = False

    @property
    def epochs(self) -> float:
        return sum(epochs for epochs, _ in self.stages)

    def adjusted(
        self,
        *,
        head: Head | None = None,
        epochs: float | None = None,
        batch: int | None = None,
        rate: float | None = None,
        masks: bool = True,
    ) -> "Preset":
        """With another head, length, highest learning rate or batch; stages and their rates scale
        in proportion. masks False: learn from slice labels alone.
        """
        network = replace(self.network, head=head or self.network.head)
        stretch = (epochs or self.epochs) / self.epochs
        highest = max(each for _, each in self.stages)
        quicker = (rate or highest) / highest
        stages = tuple((length * stretch, each * quicker) for length, each in self.stages)
        learned = self.map_loss if masks else None
        return replace(
            self, network=network, stages=stages, batch=batch or self.batch, map_loss=learned
        )

    def sized(self, size_px: int) -> "Preset":
        """On another matrix: whatever is in pixels scales in proportion."""
        share = size_px / self.input.size_px
        pixel_mm = self.input.pixel_mm / share if self.input.pixel_mm else None
        ranges = replace(
            self.augmentation,
            shift_px=self.augmentation.shift_px * share,
            crop_margin_px=round(self.augmentation.crop_margin_px * share),
        )
        return replace(
            self, input=replace(self.input, size_px=size_px, pixel_mm=pixel_mm), augmentation=ranges
        )


# §II-E as printed. "Brightness addition (max ±0.2)" is in units of the standardised image: in the
# brain window 0.2 * 1000 of the 4096 levels that 80 HU are stretched to. "Randomly cropped to size
# 256": slices have 256 px already, so a margin of air is put around them first.
PAPER = Preset(
    name="paper",
    network=NetworkSpec(architecture="paper"),
    input=InputSpec(),
    stages=((20, 0.01), (10, 0.001), (5, 0.0001)),
    weight_decay=1e-6,
    augmentation=Augmentation(
        probability=1.0,
        rotation_deg=30,
        scale=0.1,
        separate_axes=True,
        shear=0.05,
        shift_px=0,
        multiply=0.02,
        add_hu=0.2 * STANDARD_DEVIATION / WINDOW_RANGE * BRAIN.width_hu,
        blur_px=0.5,
        sharpen=0.5,
        crop_margin_px=16,
    ),
    class_weights=True,
    keep="best accuracy",
)

# What the authors' code and their checkpoints' counters say: other rates, decay, network and
# brightness, no crop, the last epoch.
PUBLISHED = Preset(
    name="published",
    network=NetworkSpec(architecture="published"),
    input=InputSpec(),
    stages=((20, 0.001), (5, 0.0001), (5, 0.00001)),
    weight_decay=1e-8,
    augmentation=Augmentation(
        probability=0.95,
        each=0.9,
        rotation_deg=30,
        scale=0.1,
        separate_axes=True,
        shear=0.05,
        shift_px=50,
        multiply=0.02,
        add_hu=20,
        blur_px=0.5,
        sharpen=0.5,
        replicate_border=True,
    ),
    class_weights=True,
    checks=5,
)

# Ours, for the same labels: true HU with the brain of every series at one density, windows that
# no padding reaches, one scale in mm, 5 mm slabs, mild brightness changes, a pooling whose gradient
# reaches every cell, a gate. Masks are used where the examples have them (phantoms).
PRODUCT = Preset(
    name="product",
    network=NetworkSpec(architecture="pyramid", widths=WIDTHS["pyramid"], mirrored=True),
    input=InputSpec(
        channels=(HEAD, BRAIN, SUBDURAL),
        pixel_mm=FIELD_MM / SIZE_PX,
        padding="air",
        slab_mm=SLAB_MM,
        brain_hu=BRAIN_HU,
    ),
    stages=((4, 2.5e-3),),
    cosine=True,
    batch=16,
    map_loss=MapLoss(),
    sharpening=Sharpening(),
    clip_gradient=5.0,
    gate=True,
)

PRESETS = {preset.name: preset for preset in (PAPER, PUBLISHED, PRODUCT)}


def preset_of(name: str) -> Preset:
    """Raises DataError naming the presets there are."""
    if name not in PRESETS:
        raise DataError(f"there is no preset {name}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def rate_at(preset: Preset, epoch: float, warm_up: float = 1.0) -> float:
    """The learning rate at an epoch. warm_up: 0..1, factor of a cosine's rate."""
    if preset.cosine:
        _, peak = preset.stages[0]
        return peak * warm_up * 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / preset.epochs)))
    end = 0.0
    for length, rate in preset.stages:
        end += length
        if epoch < end - 1e-9:
            return rate
    return preset.stages[-1][1]
