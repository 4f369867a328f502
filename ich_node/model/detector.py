"""Series -> Reading: slabs, the network, the peaks of its maps."""

from collections.abc import Callable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.brain_shift import brain_shift
from ich_node.detection.network_input import grid_of, to_network_input
from ich_node.detection.on_slice import on_slice
from ich_node.detection.peaks import find_peaks, upsample
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.detection.slabs import Slab, to_slabs
from ich_node.detection.upright import Turn, upright
from ich_node.dicom.image_id import ImageId
from ich_node.model.bundle import Bundle
from ich_node.model.demonstration import demonstration_warning
from ich_node.model.engines.engine import Engine
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.model.learned_from import unlike_training
from ich_node.model.slab_answers import NoSlabAnswers, SlabAnswer, SlabAnswers
from ich_node.series.series import Series, SeriesWarning, Slice

NO_ANSWERS = NoSlabAnswers()


class Detector:
    """A loaded bundle and the engine that runs it; without an engine, torch on the CPU. Not
    thread-safe: one per process.
    """

    def __init__(self, bundle: Bundle, engine: Engine | None = None) -> None:
        self.bundle = bundle
        self._engine = engine or TorchEngine(bundle.network())

    @property
    def engine_name(self) -> str:
        return self._engine.name

    def read(
        self,
        series: Series,
        *,
        progress: Callable[[int, int], None] = lambda *_: None,
        answers: SlabAnswers = NO_ANSWERS,
    ) -> Reading:
        """Read every slice; the network runs on the slabs to which `answers` has no answer.

        progress(done, total) is called after each batch; an exception that it raises ends the
        reading.
        """
        slabs = to_slabs(series, self.bundle.input.slab_mm)
        shift_hu = brain_shift((slab.slice for slab in slabs), self.bundle.input.brain_hu)
        readings: dict[ImageId, SliceReading] = {}
        maps: list[LikelihoodMap] = []
        for slab, answer in zip(
            slabs,
            self._answer(slabs, shift_hu=shift_hu, known=answers, progress=progress),
            strict=True,
        ):
            likelihood_map = LikelihoodMap(
                sop_instance_uid=slab.slice.sop_instance_uid,
                logit=answer.logit,
                likelihood_YX=answer.likelihood_YX,
                frame_number=slab.slice.frame_number,
                grid=grid_of(slab.slice, self.bundle.input),
                size_px=self.bundle.input.size_px,
                region_from=self._region_from(answer),
                contour=self._contour,
            )
            maps.append(likelihood_map)
            probability = self.bundle.calibration.probability(likelihood_map.logit)
            for member in slab.members:
                marked = member.image == slab.slice.image
                readings[member.image] = SliceReading(
                    sop_instance_uid=member.sop_instance_uid,
                    sop_class_uid=member.sop_class_uid,
                    position_mm=member.position_mm,
                    probability=probability,
                    findings=self._findings(likelihood_map, probability) if marked else (),
                    frame_number=member.frame_number,
                )
        return Reading(
            study_instance_uid=series.study_instance_uid,
            series_instance_uid=series.series_instance_uid,
            bundle=BundleId(name=self.bundle.name, sha256=self.bundle.sha256),
            series_probability=max(reading.probability for reading in readings.values()),
            threshold=self.bundle.operating_point.threshold,
            slices=tuple(readings[slice_.image] for slice_ in series.slices),
            left_out=series.left_out,
            missing=series.missing,
            warnings=(
                *self._warnings,
                *series.warnings,
                *unlike_training(series, self.bundle.card.learned_from),
            ),
            engine=self._engine.name,
            shift_hu=shift_hu,
            maps=tuple(maps),
        )

    def likelihood_on_slice(
        self, likelihood_map: LikelihoodMap, slice_: Slice
    ) -> NDArray[np.float32]:
        """The map in the pixels of the original slice, 0..1, to be shown to people; 0 outside the
        network's input.
        """
        return on_slice(
            self.shown(likelihood_map),
            likelihood_map.grid,
            size_px=likelihood_map.size_px,
            shape=slice_.hu_YX.shape,
        )

    def shown(self, likelihood_map: LikelihoodMap) -> NDArray[np.float32]:
        """The map as people see it, 0..1, before upsampling.

        Max head: the calibrated probability of each position. Attention head: the weight relative
        to the slice's highest, times the slice's probability, because a weight alone says nothing
        about how likely blood is.
        """
        low_YX = likelihood_map.likelihood_YX
        share_YX: NDArray[np.float32]
        if self.bundle.network_spec.head == "max":
            share_YX = self.bundle.calibration.probabilities(low_YX)
        else:
            probability = self.bundle.calibration.probability(likelihood_map.logit)
            share_YX = low_YX / low_YX.max() * np.float32(probability)
        return share_YX

    @property
    def _warnings(self) -> tuple[SeriesWarning, ...]:
        return (demonstration_warning(self.bundle.name),) if self.bundle.demonstration else ()

    def _answer(
        self,
        slabs: list[Slab],
        *,
        shift_hu: float,
        known: SlabAnswers,
        progress: Callable[[int, int], None],
    ) -> list[SlabAnswer]:
        answers = {
            index: answer
            for index, slab in enumerate(slabs)
            if (answer := known.get(slab, shift_hu)) is not None
        }
        unanswered = iter([index for index in range(len(slabs)) if index not in answers])
        while batch := list(islice(unanswered, self._engine.batch)):
            turns = [Turn.of(slabs[index].slice.image_orientation) for index in batch]
            inputs = [
                to_network_input(
                    upright(slabs[index].slice, turn), self.bundle.input, shift_hu=shift_hu
                )
                for index, turn in zip(batch, turns, strict=True)
            ]
            logit_B, likelihood_BYX = self._engine.run(
                np.stack([network_input.image_CYX for network_input in inputs])
            )
            for index, turn, logit, likelihood_YX in zip(
                batch, turns, logit_B, likelihood_BYX, strict=True
            ):
                answers[index] = SlabAnswer(
                    logit=float(logit), likelihood_YX=turn.undo(likelihood_YX)
                )
                known.put(slabs[index], shift_hu, answers[index])
            progress(len(answers), len(slabs))
        return [answers[index] for index in range(len(slabs))]

    @property
    def _contour(self) -> float:
        """Half of the least likelihood that makes a mark: there the flank of the faintest peak has
        fallen to half its height, and every peak lies in a region. Attention head: half of the
        operating point, since its weights have no scale of their own.
        """
        if self.bundle.network_spec.head == "max":
            return self.bundle.calibration.probability(self.bundle.peak_rule.min_likelihood) / 2
        return self.bundle.operating_point.threshold / 2

    def _region_from(self, answer: SlabAnswer) -> float:
        """The contour in the unit of the map."""
        if self.bundle.network_spec.head == "max":
            return self.bundle.calibration.logit(self._contour)
        probability = self.bundle.calibration.probability(answer.logit)
        if probability < self._contour:
            return np.inf
        return float(answer.likelihood_YX.max()) * self._contour / probability

    def _findings(
        self, likelihood_map: LikelihoodMap, slice_probability: float
    ) -> tuple[Finding, ...]:
        rule = self.bundle.peak_rule
        if (
            slice_probability < rule.slice_gate
            or likelihood_map.likelihood_YX.max() <= rule.min_likelihood
        ):
            return ()  # bilinear upsampling cannot exceed the coarse maximum
        findings = []
        for peak in find_peaks(
            upsample(likelihood_map.likelihood_YX, self.bundle.input.size_px), rule
        ):
            row, column = likelihood_map.grid.to_slice(peak.row, peak.column)
            is_logit = self.bundle.network_spec.head == "max"
            probability = (
                self.bundle.calibration.probability(peak.likelihood)
                if is_logit
                else slice_probability
            )
            findings.append(
                Finding(row=row, column=column, likelihood=peak.likelihood, probability=probability)
            )
        return tuple(findings)
