"""Which patients the network learns from, and which it is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.adapt.studies import Study
from training.errors import DataError
from training.splits import Split, make_split, patient_hash

SITE = "labels"  # the data set of the hashes that stand for patients, as in a split
TRAIN, LEFT_OUT = "train", "left out"
LEAST_STUDIES = 8
LEAST_PATIENTS = 6
LEAST_DIVIDED = 3  # of the patients with bleeds; fewer are all left out, to measure with
FRACTIONS = {TRAIN: 2 / 3, LEFT_OUT: 1 / 3}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Studies without bleeding, and with it, to learn from and to measure with. No patient is in
    both.
    """

    training: tuple[Study, ...]
    left_out: tuple[Study, ...]
    bleeding: tuple[Study, ...]
    bleeding_left_out: tuple[Study, ...]


def divide(
    negatives: Sequence[Study], positives: Sequence[Study], *, seed: int, doubtful: int = 0
) -> Parts:
    """By patient, a third left out, by a permutation of the hashes of the patients.

    One part is left out and never learned from, so that the bundle that is measured is the bundle
    that is written; cross-fitting would measure other networks, and take a training for each. Few
    left-out studies make wide intervals, which the card prints, and the threshold then never rises.

    doubtful: how many more wait to be confirmed. Raises DataError if there are too few, or if a
    patient has negatives and positives.
    """
    _check_enough(negatives, doubtful)
    _check_apart(negatives, positives)
    split = make_split(SITE, _patients(negatives), fractions=FRACTIONS, seed=seed)
    bleeding, bleeding_left_out = _divide_positives(positives, seed)
    return Parts(
        training=_part(negatives, split, TRAIN),
        left_out=_part(negatives, split, LEFT_OUT),
        bleeding=bleeding,
        bleeding_left_out=bleeding_left_out,
    )


def hashes_of(studies: Sequence[Study]) -> list[str]:
    """What stands for the patients in the card."""
    return sorted({patient_hash(SITE, study.patient_id) for study in studies})


def _divide_positives(
    positives: Sequence[Study], seed: int
) -> tuple[tuple[Study, ...], tuple[Study, ...]]:
    patients = _patients(positives)
    if len(patients) < LEAST_DIVIDED:
        return (), tuple(positives)
    split = make_split(SITE, patients, fractions=FRACTIONS, seed=seed)
    return _part(positives, split, TRAIN), _part(positives, split, LEFT_OUT)


def _part(studies: Sequence[Study], split: Split, part: str) -> tuple[Study, ...]:
    return tuple(study for study in studies if split.part_of(study.patient_id) == part)


def _patients(studies: Sequence[Study]) -> set[str]:
    return {study.patient_id for study in studies}


def _check_enough(negatives: Sequence[Study], doubtful: int) -> None:
    patients = len(_patients(negatives))
    if len(negatives) < LEAST_STUDIES or patients < LEAST_PATIENTS:
        raise DataError(
            f"{len(negatives)} negative studies of {patients} patients can be used; at least"
            f" {LEAST_STUDIES} of {LEAST_PATIENTS} patients are needed, and 20 are a good number:"
            " add studies to --negatives"
            + (f", or confirm those {doubtful} that look positive" if doubtful else "")
        )


def _check_apart(negatives: Sequence[Study], positives: Sequence[Study]) -> None:
    both = _patients(negatives) & _patients(positives)
    if both:
        studies = [study.study_uid for study in positives if study.patient_id in both]
        raise DataError(
            f"{len(both)} patients have studies in --negatives and in --positives, one of them"
            f" {studies[0]}: their heads would be learned from and measured with; take them out of"
            " one of the two folders"
        )
