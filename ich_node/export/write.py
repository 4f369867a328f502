"""Jobs -> a folder of DICOM files and labels.csv. It appears complete, or not at all."""

import io
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydicom
from pydicom import Dataset

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import ConfigError, ExportError, Refusal
from ich_node.export.deidentify import Deidentifier
from ich_node.export.identifying import NOTHING, PatientValues, identifiers_of
from ich_node.export.labels import LABELS, LabelRow, of_series, of_slice, table
from ich_node.export.second_pass import Leak, leak_in
from ich_node.ledger import Instance, Job, JobState, Ledger, Verdict
from ich_node.series.object_file import read_object
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from ich_node.series.series import Slice
from ich_node.series.site_rules import SiteRules
from ich_node.spool import Spool

MOST_NUMBERS = 10


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and why the other jobs were not: (job, words)."""

    series: int
    files: int
    not_read: int
    left_out: Sequence[tuple[int, str]]


def check_folder(out: Path) -> None:
    """Raises ConfigError if the folder cannot be made, or has something in it."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists and is not empty; choose another --out")


def by_reason(left_out: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """As ('job 3', why) or ('jobs 3, 4 and 20 more', why), each reason once."""
    jobs_of: dict[str, list[int]] = {}
    for job_id, words in left_out:
        jobs_of.setdefault(words, []).append(job_id)
    return [(_numbers(job_ids), words) for words, job_ids in jobs_of.items()]


def _numbers(job_ids: Sequence[int]) -> str:
    named = ", ".join(map(str, job_ids[:MOST_NUMBERS]))
    more = len(job_ids) - MOST_NUMBERS
    return f"{'job' if len(job_ids) == 1 else 'jobs'} {named}" + (
        f" and {more} more" if more > 0 else ""
    )


class _NotExported(Exception):
    """Why a job is left out."""


@dataclass(kw_only=True)
class Exporter:
    """One export. deidentify: nothing that identifies a patient or a reader leaves the spool; else
    the objects are copied byte for byte.
    """

    ledger: Ledger
    spool: Spool
    rules: SelectionRules
    site_rules: SiteRules
    deidentify: bool
    _names: Deidentifier = field(default_factory=Deidentifier)
    _readers: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def write(
        self, jobs: Sequence[Job], out: Path, *, progress: Callable[[], None] = lambda: None
    ) -> Exported:
        """out: `check_folder` has no objection. Raises ExportError; then nothing is left of it."""
        partial = out.absolute().parent / f".{out.name}.{secrets.token_hex(4)}"
        rows: list[LabelRow] = []
        left_out: list[tuple[int, str]] = []
        originals = NOTHING
        try:
            partial.mkdir(mode=0o700, parents=True)
            for job in jobs:
                try:
                    identifiers, of_job = self._write_job(job, partial)
                except _NotExported as why:
                    left_out.append((job.id, str(why)))
                else:
                    originals |= identifiers
                    rows += of_job
                progress()
            if not rows:
                reasons = "; ".join(f"{jobs}: {words}" for jobs, words in by_reason(left_out))
                raise ExportError(f"there is nothing to export. {reasons}".rstrip(". "))
            text = table(rows)
            if self.deidentify and (found := originals.found_in(text, but=originals.short_numbers)):
                leak = Leak(keyword=found, where=LABELS)
                raise ExportError(f"nothing was exported: of one of the series {leak.words}")
            (partial / LABELS).write_text(text, encoding="utf-8")
            partial.rename(out)
        except OSError as error:
            raise ExportError(f"cannot write {out}: {error.strerror}") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return Exported(
            series=self._counts["series"],
            files=self._counts["files"],
            not_read=self._counts["not read"],
            left_out=left_out,
        )

    def _write_job(self, job: Job, root: Path) -> tuple[PatientValues, list[LabelRow]]:
        """Raises _NotExported, ExportError."""
        if job.state is not JobState.DONE:
            raise _NotExported(f"{job.state.words}, not read")
        instances = self.ledger.reading.instances(job)
        if not instances:
            raise _NotExported("the files were removed after their time")
        datasets, slices = self._read(job, instances)
        self._counts["series"] += 1
        name = f"series-{self._counts['series']:04d}"
        (root / name).mkdir(mode=0o700)
        written = dict(self._files(name, instances, datasets, slices))
        self._counts["files"] += len(written)
        self._counts["not read"] += len(instances) - len(written)
        identifiers = identifiers_of(datasets) if self.deidentify else NOTHING
        for path, instance in written.items():
            where = f"nothing was exported: job {job.id}, object {instance.sop_instance_uid}:"
            data = self._bytes(instance, where)
            (root / path).write_bytes(data)
            if self.deidentify:
                self._check((root / path).read_bytes(), path, identifiers, where)
        rows = list(self._rows(job, name, written, datasets[0], slices))
        return identifiers, rows

    def _read(
        self, job: Job, instances: Sequence[Instance]
    ) -> tuple[list[Dataset], Sequence[Slice]]:
        """All objects of the job, and the slices that the node reads of them."""
        older = self.ledger.reading.older_versions(job)
        try:
            datasets = [
                read_object(
                    io.BytesIO(self.spool.read(each.path)), sop_instance_uid=each.sop_instance_uid
                )
                for each in (*older, *instances)
            ]
            # it was read: no rule holds it any more
            decision = self.site_rules.decide(datasets, source=job.source, released=True)
            decision.check_refused()
            rules = replace(self.rules, ignored=decision.ignored)
            return datasets, read_series(datasets, rules=rules).slices
        except FileNotFoundError as error:
            raise _NotExported("the files are not in the spool") from error
        except Refusal as refusal:
            raise _NotExported(f"would be refused now: {refusal.reason}") from refusal

    def _files(
        self,
        name: str,
        instances: Sequence[Instance],
        datasets: Sequence[Dataset],
        slices: Sequence[Slice],
    ) -> Iterator[tuple[str, Instance]]:
        """The path and the object of each file: objects of which all was read, in the order of
        their slices.
        """
        newest = {each.sop_instance_uid: each for each in instances}
        headers = {str(each.get("SOPInstanceUID")): each for each in datasets}
        read = Counter(each.sop_instance_uid for each in slices)
        number = 0
        for uid, count in read.items():
            header = headers[uid]
            is_whole = count == int(header.get("NumberOfFrames") or 1)
            if is_whole and header.get("BurnedInAnnotation") != "YES":
                number += 1
                yield f"{name}/{number:04d}.dcm", newest[uid]

    def _bytes(self, instance: Instance, where: str) -> bytes:
        """Of the file that is written."""
        data = self.spool.read(instance.path)
        if not self.deidentify:
            return data
        try:
            dataset = pydicom.dcmread(io.BytesIO(data))
            self._names.clean(dataset)
            file = io.BytesIO()
            dataset.save_as(file, enforce_file_format=True)
        except PARSING_ERRORS as error:  # its message may quote a value
            raise ExportError(
                f"{where} it cannot be de-identified ({type(error).__name__})"
            ) from error
        return file.getvalue()

    def _check(self, data: bytes, path: str, identifiers: PatientValues, where: str) -> None:
        """The second pass. Raises ExportError."""
        leak = leak_in(data, identifiers)
        if leak is None and (found := identifiers.found_in(path, but=identifiers.short_numbers)):
            leak = Leak(keyword=found, where="the name of the file")
        if leak is not None:
            raise ExportError(f"{where} {leak.words} of {path}. Export the others without this job")

    def _rows(
        self,
        job: Job,
        name: str,
        written: dict[str, Instance],
        header: Dataset,
        slices: Sequence[Slice],
    ) -> Iterator[LabelRow]:
        uid = self._names.uid if self.deidentify else str
        verdicts = [self._named(each) for each in self.ledger.verdicts.of_job(job.id)]
        row = LabelRow(
            path=name,
            patient=self._names.patient(header),
            study_uid=uid(job.study_instance_uid),
            series_uid=uid(job.series_instance_uid),
            bleeding="",
            type="",
            who="",
        )
        for bleeding, kind, who in of_series(verdicts):
            yield replace(row, bleeding=bleeding, type=kind, who=who)
        paths = {instance.sop_instance_uid: path for path, instance in written.items()}
        for each in slices:
            if each.sop_instance_uid not in paths:
                continue
            for bleeding, kind, who in of_slice(verdicts, each.sop_instance_uid):
                yield replace(
                    row,
                    path=paths[each.sop_instance_uid],
                    slice=uid(each.sop_instance_uid),
                    frame=each.frame_number or "",
                    bleeding=bleeding,
                    type=kind,
                    who=who,
                )

    def _named(self, verdict: Verdict) -> Verdict:
        """The verdict with a number in place of the reader's name."""
        if not self.deidentify:
            return verdict
        who = self._readers.setdefault(verdict.who, f"reader-{len(self._readers) + 1}")
        return replace(verdict, who=who)
