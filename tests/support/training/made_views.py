"""Samples of some examples, as a step gets them."""

from training.examples import Examples
from training.presets import Preset
from training.raw_slices import RawSlices, batch_of
from training.samples import Address, Sample
from training.views import views


def views_of(examples: Examples, preset: Preset, *addresses: Address, seed: int = 0) -> Sample:
    raw = RawSlices(examples, preset, seed=seed)
    return views(batch_of([raw[address] for address in addresses]), preset, "cpu")
