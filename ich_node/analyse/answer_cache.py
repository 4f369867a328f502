"""The network's answers about one series, kept in the ledger for the process that reads it next."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from ich_node.detection.slabs import Slab
from ich_node.ledger import Job, NetworkAnswer, PreviewLedger
from ich_node.model.code import digest_of_reading_code
from ich_node.model.detector import Detector
from ich_node.model.slab_answers import SlabAnswer
from ich_node.report.uids import digest_of


class AnswerCache:
    """The `SlabAnswers` of one job. sha256_of: the hash of each object, by SOP Instance UID."""

    def __init__(
        self, *, ledger: PreviewLedger, job: Job, detector: Detector, sha256_of: Mapping[str, str]
    ) -> None:
        self._ledger = ledger
        self._job = job
        self._bundle_sha256 = detector.bundle.sha256
        self._engine = f"{detector.engine_name}, ich-node {digest_of_reading_code()}"
        self._sha256_of = sha256_of
        known = ledger.answers(job, bundle_sha256=self._bundle_sha256, engine=self._engine)
        self._known = {answer.slab_sha256: answer for answer in known}
        self._new: list[NetworkAnswer] = []

    def get(self, slab: Slab, shift_hu: float) -> SlabAnswer | None:
        """Only an answer to exactly this question: the same bytes, the same shift."""
        known = self._known.get(self._key(slab))
        if known is None or known.shift_hu != shift_hu:
            return None
        likelihood_YX = np.frombuffer(known.likelihood, dtype=np.float32).reshape(known.rows, -1)
        return SlabAnswer(logit=known.logit, likelihood_YX=likelihood_YX)

    def put(self, slab: Slab, shift_hu: float, answer: SlabAnswer) -> None:
        """In the ledger only after `save`."""
        likelihood_YX = np.ascontiguousarray(answer.likelihood_YX, dtype=np.float32)
        self._new.append(
            NetworkAnswer(
                slab_sha256=self._key(slab),
                bundle_sha256=self._bundle_sha256,
                engine=self._engine,
                shift_hu=shift_hu,
                logit=answer.logit,
                rows=len(likelihood_YX),
                likelihood=likelihood_YX.tobytes(),
            )
        )

    def save(self, *, now: datetime) -> None:
        """Write the new answers into the ledger. Raises Unavailable."""
        self._ledger.keep_answers(self._job, self._new, now=now)
        self._new = []

    def _key(self, slab: Slab) -> str:
        return digest_of(
            member.image.within(self._sha256_of[member.sop_instance_uid]) for member in slab.members
        )
