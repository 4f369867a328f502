"""Both bundles on what was left out: calibration and threshold are chosen on one half of the known
heads, and the bundles are judged on the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ich_node.detection.reading import Reading
from ich_node.model.bundle import Bundle
from ich_node.model.calibration import Calibration
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import required_engine
from ich_node.scoring.calibration import calibrate
from training.adapt.finding import ReadHead, read_heads, rule_after
from training.adapt.heads import drawn_heads, phantom_heads
from training.adapt.known_head import KnownHead, size_of
from training.adapt.left_out import highest_logit, readings_of, shown_of, tissues_of
from training.adapt.outcome import Outcome, ReadTwice
from training.adapt.parts import Parts
from training.adapt.place import Place
from training.adapt.recipe import Recipe
from training.adapt.reliability import Bin, reliability
from training.adapt.sensitivity import Found, Sensitivity
from training.adapt.setting import Setting, setting_of
from training.adapt.studies import Study
from training.adapt.threshold import Kept, choose_threshold
from training.tissue import Tissue
from training.training_run import Weights

DRAWN = "bleeds drawn into left-out studies"
PHANTOMS = "bleeds of phantoms"
POSITIVES = "left-out positives of the site"
CHOOSE, JUDGE = 1, 2  # the halves, as a part of their seeds
STREAM = 19  # of the random numbers: no head is one of a pool

ReadSets = dict[str, list[ReadHead]]  # by the name of the set


@dataclass(frozen=True, kw_only=True)
class Measured:
    """after: the new weights with the calibration, the threshold and the rule that were chosen; its
    card says nothing yet of where they come from. left_out: the studies without bleeding that
    nothing was learned from, with the readings of both bundles. reliable_before, reliable_after: of
    slices of left-out heads with drawn bleeds, by which nothing was chosen.
    """

    outcome: Outcome
    after: Bundle
    left_out: tuple[tuple[Study, Reading, Reading], ...]
    reliable_before: tuple[Bin, ...]
    reliable_after: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """One network, and how its work is shown."""

    detector: Detector
    name: str
    place: Place

    def heads(self, known: dict[str, list[KnownHead]]) -> ReadSets:
        """Each set of known heads."""
        read = {}
        for name, heads in known.items():
            with self.place.bar(f"{self.name}: {name}") as advance:
                read[name] = read_heads(heads, self.detector, advance)
        return read

    def studies(self, studies: Sequence[Study]) -> list[Reading]:
        with self.place.bar(f"{self.name}: left-out studies") as advance:
            return readings_of(studies, self.detector, advance)

    def logits(self, studies: Sequence[Study]) -> list[float]:
        """The highest of each series."""
        return [
            highest_logit(study, reading, self.detector)
            for study, reading in zip(studies, self.studies(studies), strict=True)
        ]


def measure(
    parent: Bundle,
    weights: Weights,
    *,
    parts: Parts,
    recipe: Recipe,
    place: Place,
) -> Measured:
    """Choose calibration, threshold and rule of the new weights, and judge both bundles."""
    old = setting_of(parent)
    before = _reader(parent, "before", place)
    draft = _reader(old.bundle(parent, weights), "after", place)
    tissues = tissues_of(parts.left_out, size_px=parent.input.size_px)
    known = {
        half: _known_heads(half, tissues, recipe=recipe, place=place) for half in (CHOOSE, JUDGE)
    }
    read_before = {half: before.heads(sets) for half, sets in known.items()}
    read_after = {half: draft.heads(sets) for half, sets in known.items()}
    positives = parts.bleeding_left_out
    positive_before, positive_after = before.logits(positives), draft.logits(positives)
    negatives = draft.studies(parts.left_out)
    calibration = _calibration(read_after[CHOOSE][DRAWN], negatives)
    new = replace(
        old,
        calibration=calibration,
        rule=rule_after(old.rule, before=old.calibration, after=calibration, head=old.head),
    )
    chosen = choose_threshold(
        before=old.threshold,
        kept=[
            *(
                Kept(
                    name=name,
                    score_N=new.scores(read_after[CHOOSE][name]),
                    found_before=sum(old.finds(read_before[CHOOSE][name])),
                )
                for name in (DRAWN, PHANTOMS)
            ),
            Kept(
                name=POSITIVES,
                score_N=np.array([calibration.probability(logit) for logit in positive_after]),
                found_before=sum(old.calls_positive(positive_before)),
            ),
        ],
        negatives=[
            calibration.probability(max(map_.logit for map_ in reading.maps))
            for reading in negatives
        ],
    )
    # without a safe threshold, the table shows what the old one would do
    new = replace(new, threshold=old.threshold if chosen.value is None else chosen.value)
    after = new.bundle(parent, weights)
    sets = [
        _sensitivity(name, old, new, read_before[JUDGE][name], read_after[JUDGE][name])
        for name in (DRAWN, PHANTOMS)
    ]
    if positives:
        sets.append(_of_positives(old, new, positive_before, positive_after))
    left_out = tuple(
        zip(
            parts.left_out,
            before.studies(parts.left_out),
            _reader(after, "after", place).studies(parts.left_out),
            strict=True,
        )
    )
    return Measured(
        outcome=Outcome(
            negatives=tuple(
                ReadTwice(study_uid=study.study_uid, before=shown_of(first), after=shown_of(second))
                for study, first, second in left_out
            ),
            sets=tuple(sets),
            threshold_before=old.threshold,
            threshold=chosen.value,
            why_threshold=chosen.why,
        ),
        after=after,
        left_out=left_out,
        reliable_before=_reliable(old.calibration, read_before[JUDGE][DRAWN]),
        reliable_after=_reliable(calibration, read_after[JUDGE][DRAWN]),
    )


def _reader(bundle: Bundle, name: str, place: Place) -> _Reader:
    engine = required_engine(bundle, place.device)
    return _Reader(detector=Detector(bundle, engine), name=name, place=place)


def _known_heads(
    half: int, tissues: Sequence[Tissue], *, recipe: Recipe, place: Place
) -> dict[str, list[KnownHead]]:
    seed = (place.seed, STREAM, half)
    with place.bar("drawing bleeds to find") as advance:
        drawn = drawn_heads(
            tissues,
            bleeds=recipe.drawn_bleeds,
            seed=seed,
            workers=place.workers,
            progress=advance,
        )
    with place.bar("phantoms to read") as advance:
        phantoms = phantom_heads(
            recipe.phantom_heads,
            size_px=len(tissues[0].hu_SYX[0]),
            seed=seed,
            workers=place.workers,
            progress=advance,
        )
    return {DRAWN: drawn, PHANTOMS: phantoms}


def _calibration(drawn: Sequence[ReadHead], negatives: Sequence[Reading]) -> Calibration:
    """On slices of left-out heads: as they are, and with bleeds drawn into them."""
    healthy = np.array([map_.logit for reading in negatives for map_ in reading.maps])
    logit_N = np.concatenate([healthy, *(head.logit_S for head in drawn)])
    label_N = np.concatenate([np.zeros(len(healthy), bool), *(head.bleeding_S for head in drawn)])
    return calibrate(logit_N.astype(np.float32), label_N)


def _reliable(calibration: Calibration, heads: Sequence[ReadHead]) -> tuple[Bin, ...]:
    return reliability(
        calibration.probabilities(np.concatenate([head.logit_S for head in heads])),
        np.concatenate([head.bleeding_S for head in heads]),
    )


def _sensitivity(
    name: str, old: Setting, new: Setting, before: list[ReadHead], after: list[ReadHead]
) -> Sensitivity:
    pairs = zip(
        (known for head in before for known in _grouped(head.head)),
        old.finds(before),
        new.finds(after),
        strict=True,
    )
    return Sensitivity(
        name=name,
        bleeds=tuple(
            Found(groups=groups, before=found_before, after=found_after)
            for groups, found_before, found_after in pairs
        ),
    )


def _grouped(head: KnownHead) -> list[tuple[str, ...]]:
    """Of each bleed its kind and its size."""
    return [(bleed.kind, size_of(bleed, head.pixel_mm)) for bleed in head.bleeds]


def _of_positives(
    old: Setting, new: Setting, before: Sequence[float], after: Sequence[float]
) -> Sensitivity:
    called = zip(old.calls_positive(before), new.calls_positive(after), strict=True)
    return Sensitivity(
        name=POSITIVES,
        bleeds=tuple(Found(groups=(), before=first, after=second) for first, second in called),
    )
