"""Several sets of examples as one, each with its weight in an epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ich_node.series.series import Slice
from training.errors import DataError
from training.examples import Epoch, Examples


@dataclass(frozen=True, kw_only=True)
class Part:
    """One set of a mix. weight: how many of its examples an epoch has for each one of the first
    part, whose weight is 1.
    """

    name: str
    examples: Examples
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MixedExamples(Examples):
    """The slices of all parts, one part after the other.

    An epoch has every example of the first part once. Of the others it has their share: they are
    shuffled and gone through again and again, over the borders of epochs, so that each of them is
    seen as often as the others of its part.
    """

    mixed: tuple[Part, ...]
    share_P: tuple[int, ...]

    @property
    @override
    def has_masks(self) -> bool:
        return any(part.examples.has_masks for part in self.mixed)

    @property
    @override
    def in_epoch(self) -> int:
        return sum(self.share_P)

    @property
    @override
    def positive_in_epoch(self) -> int:
        return round(
            sum(
                share * part.examples.positive / part.examples.count
                for part, share in zip(self.mixed, self.share_P, strict=True)
            )
        )

    @override
    def slice_of(self, index: int) -> Slice:
        part, own = self._place(index)
        return part.examples.slice_of(own)

    @override
    def mask_of(self, index: int) -> NDArray[np.uint8] | None:
        part, own = self._place(index)
        return part.examples.mask_of(own)

    @override
    def epoch(self, seed: int, number: int) -> Epoch:
        examples, passes = [], []
        first = 0
        for place, (part, share) in enumerate(zip(self.mixed, self.share_P, strict=True)):
            own_N, pass_N = _share(
                part.examples.count, range(number * share, (number + 1) * share), [seed, place]
            )
            examples.append(first + own_N)
            passes.append(pass_N)
            first += part.examples.count
        order_N = np.random.default_rng([seed, number]).permutation(self.in_epoch)
        return Epoch(np.concatenate(examples)[order_N], np.concatenate(passes)[order_N])

    @override
    def parts(self) -> dict[str, slice]:
        ends = np.cumsum([part.examples.count for part in self.mixed]).tolist()
        return {
            part.name: slice(end - part.examples.count, end)
            for part, end in zip(self.mixed, ends, strict=True)
        }

    def _place(self, index: int) -> tuple[Part, int]:
        for part in self.mixed:
            if index < len(part.examples):
                return part, index
            index -= len(part.examples)
        raise IndexError(index)


def mixed(parts: Sequence[Part]) -> Examples:
    """One set of all parts, none of which is empty; a single part is left as it is. Raises
    DataError for a part that would have no example in an epoch.
    """
    sets = [part.examples for part in parts]
    if len(sets) == 1:
        return sets[0]
    shares = [round(sets[0].count * part.weight) for part in parts]
    for part, share in zip(parts, shares, strict=True):
        if not share:
            raise DataError(
                f"{part.name} with the weight {part.weight:g} has less than one example for the "
                f"{sets[0].count} of {parts[0].name}; give it more weight"
            )
    digest = hashlib.sha256()
    for part, share in zip(parts, shares, strict=True):
        digest.update(f"{part.examples.digest} {share}\n".encode())
    return MixedExamples(
        label_N=np.concatenate([each.label_N for each in sets]),
        series_N=_renumbered([each.series_N for each in sets]),
        shift_N=np.concatenate([each.shift_N for each in sets]),
        bag_N=_renumbered(
            [np.arange(len(each)) if each.bag_N is None else each.bag_N for each in sets]
        ),
        digest=digest.hexdigest(),
        mixed=tuple(parts),
        share_P=tuple(shares),
    )


def _share(count: int, places: range, key: list[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """These places of an endless row of permutations of `count` numbers: the numbers, and the
    permutations that they are of.
    """
    place_N = np.arange(places.start, places.stop)
    pass_N = place_N // count
    number_N = np.empty(len(place_N), dtype=np.intp)
    for one in np.unique(pass_N):
        # with a 1 behind it, the key is that of no other random stream of the run
        order_N = np.random.default_rng([*key, int(one), 1]).permutation(count)
        chosen = pass_N == one
        number_N[chosen] = order_N[place_N[chosen] % count]
    return number_N, pass_N


def _renumbered(numbers: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """Numbers of several parts, moved so that no two parts share one."""
    first = 0
    moved = []
    for number_N in numbers:
        moved.append(number_N + first)
        first += int(number_N.max(initial=-1)) + 1
    return np.concatenate(moved)
