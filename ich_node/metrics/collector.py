"""Reads the ledger and this host for the values of the metrics, at each scrape. Nothing is kept
between two scrapes.
"""

import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from ich_node import __version__
from ich_node.answer import Answer
from ich_node.config.config import Config
from ich_node.health import ServiceHealth, TroubleKind, services, troubles_now
from ich_node.health.certificates import certificates
from ich_node.health.disks import disks
from ich_node.health.services import is_alive
from ich_node.ledger import JobState, Ledger
from ich_node.ledger import counts as counted
from ich_node.ledger.measurements import BACKUP, DRIFT
from ich_node.metrics.known import BY_NAME, PREFIX

RATIO_DAYS = timedelta(days=7)
SKIPPED = {state.lower() for state in (JobState.REFUSED, JobState.SET_ASIDE, JobState.HELD)}
FAILED = JobState.FAILED.lower()
OUTCOMES = (Answer.PRESENT, Answer.ABSENT, Answer.UNDETERMINED, *sorted(SKIPPED), FAILED)

Sample = tuple[Sequence[str], float]
Values = Iterator[tuple[str, Iterable[Sample]]]


def registry_of(
    ledger: Ledger, config: Callable[[], Config], clock: Callable[[], datetime]
) -> CollectorRegistry:
    """For prometheus_client.generate_latest, which raises Unavailable."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger, config, clock))
    return registry


class LedgerCollector(Collector):
    """config: what counts now."""

    def __init__(
        self, ledger: Ledger, config: Callable[[], Config], clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._config = config
        self._clock = clock

    @override
    def collect(self) -> Iterator[Metric]:
        """Raises Unavailable."""
        config, now = self._config(), self._clock()
        found = counts_of(self._ledger)
        for name, samples in (
            *_processes(self._ledger, now),
            *_counters(found, config),
            *_jobs(self._ledger, now),
            *_destinations(self._ledger, config, now),
            *_host(config),
            *_backup(self._ledger),
            *_scores(self._ledger, now),
            ("troubles", _troubles(self._ledger, config, now)),
        ):
            yield _family(name, samples)
        for name in (counted.INFERENCE_SECONDS, counted.RECEIVE_TO_RESULT_SECONDS):
            yield _histogram(name, found[name])

    def describe(self) -> list[Metric]:
        """Nothing, or the registry would collect at once."""
        return []


Counts = Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]


def counts_of(ledger: Ledger) -> Counts:
    """By name, then labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = defaultdict(dict)
    for each in ledger.counts.all():
        found[each.name][tuple(sorted(each.labels.items()))] = each.value
    return found


def _family(name: str, samples: Iterable[Sample]) -> Metric:
    known = BY_NAME[name]
    kind = CounterMetricFamily if known.kind == "counter" else GaugeMetricFamily
    family = kind(f"{PREFIX}{name}", known.words, labels=known.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histogram(name: str, values: Mapping[tuple[tuple[str, str], ...], float]) -> Metric:
    by_label = {labels[0]: value for labels, value in values.items()}
    total, buckets = 0.0, []
    for end in (*counted.BUCKETS[name], inf):
        total += by_label.get((counted.LE, counted.end_name(end)), 0)
        buckets.append(("+Inf" if end == inf else str(float(end)), total))
    family = HistogramMetricFamily(f"{PREFIX}{name}", BY_NAME[name].words)
    family.add_metric([], buckets, sum_value=by_label.get((counted.SUM, counted.SUM), 0))
    return family


def _processes(ledger: Ledger, now: datetime) -> Values:
    all_of_them = services(ledger, now)
    yield "build_info", [((__version__, platform.python_version()), 1)]
    yield "service_up", [([each.service], each.is_up) for each in all_of_them]
    yield "service_ready", [([each.service], each.is_ready) for each in all_of_them]
    yield "service_processes", [([each.service], _living(each, now)) for each in all_of_them]
    yield (
        "heartbeat_age_seconds",
        [
            ([each.service], max(0.0, (now - each.last_seen).total_seconds()))
            for each in all_of_them
            if each.last_seen is not None
        ],
    )
    yield "paused", [([pause.target], 1) for pause in ledger.pauses.in_force(now)]
    said = [
        process.facts
        for each in all_of_them
        for process in each.processes
        if each.service == "analyse" and is_alive(process, now)
    ]
    yield "gpu_available", [((), any(facts.get("gpu") for facts in said))]
    models = {
        (facts["bundle"], facts["bundle_sha256"], facts["engine"])
        for facts in said
        if "bundle" in facts
    }
    yield "model_info", [(model, 1) for model in sorted(models)]


def _living(service: ServiceHealth, now: datetime) -> int:
    return sum(is_alive(process, now) for process in service.processes)


def _counters(found: Counts, config: Config) -> Values:
    """What was never counted is 0 where its labels are known, so that its first increase is one."""
    sources = [each.name for each in config.sources]
    destinations = [each.name for each in config.destinations]
    by_outcome: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    skipped: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for labels, value in found[counted.SERIES].items():
        of = dict(labels)
        by_outcome[of["outcome"]] += int(value)
        if of["outcome"] in SKIPPED:
            skipped[of["reason"]] += int(value)
        elif of["outcome"] == FAILED:
            failed[of["reason"]] += int(value)
    yield "associations", _as_counted("associations", found[counted.ASSOCIATIONS])
    yield "instances_received", _with_zeros(found[counted.INSTANCES], "source", sources)
    yield "instances_refused", _as_counted("instances_refused", found[counted.INSTANCES_REFUSED])
    yield "series", [([outcome], value) for outcome, value in sorted(by_outcome.items())]
    yield "series_skipped", [([reason], value) for reason, value in sorted(skipped.items())]
    yield "series_failed", [([reason], value) for reason, value in sorted(failed.items())]
    yield "deliveries", _with_zeros(found[counted.DELIVERIES], "destination", destinations)
    yield "send_failures", _with_zeros(found[counted.SEND_FAILURES], "destination", destinations)


def _as_counted(
    name: str, values: Mapping[tuple[tuple[str, str], ...], float]
) -> list[tuple[list[str], float]]:
    """With the labels of the count, in the order of the metric."""
    return [
        ([dict(labels)[label] for label in BY_NAME[name].labels], value)
        for labels, value in sorted(values.items())
    ]


def _with_zeros(
    values: Mapping[tuple[tuple[str, str], ...], float], label: str, names: Iterable[str]
) -> list[Sample]:
    by_name = dict.fromkeys(names, 0.0) | {
        dict(labels)[label]: value for labels, value in values.items()
    }
    return [([name], value) for name, value in sorted(by_name.items())]


def _jobs(ledger: Ledger, now: datetime) -> Values:
    stages = ledger.status.jobs_by_state(now)
    yield "jobs", [([stage], at.jobs) for stage, at in stages.items()]
    yield "job_age_seconds", [([stage], at.age_seconds) for stage, at in stages.items()]


def _destinations(ledger: Ledger, config: Config, now: datetime) -> Values:
    owed = {each.destination: each for each in ledger.status.owed_by_destination(now)}
    known = [each.name for each in config.destinations]
    names = sorted({*known, *owed})
    yield "deliveries_owed", [([name], owed[name].owed if name in owed else 0) for name in names]
    yield (
        "deliveries_failed",
        [([name], owed[name].failed if name in owed else 0) for name in names],
    )
    yield (
        "delivery_age_seconds",
        [([name], owed[name].age_seconds if name in owed else 0) for name in names],
    )
    states = ledger.destination_states.all()
    yield (
        "destination_up",
        [([each.destination], each.is_up) for each in states if each.destination in known],
    )


def _host(config: Config) -> Values:
    found = disks(config)
    yield "disk_free_bytes", [([disk.holds], disk.free_bytes) for disk in found]
    yield "disk_size_bytes", [([disk.holds], disk.size_bytes) for disk in found]
    yield "disk_reserve_bytes", [([disk.holds], disk.reserve_bytes) for disk in found]
    yield (
        "cert_expiry_timestamp_seconds",
        [([each.of], each.ends.timestamp() if each.ends else 0) for each in certificates(config)],
    )


def _backup(ledger: Ledger) -> Values:
    found = ledger.measurements.newest(BACKUP)
    yield "last_backup_timestamp_seconds", [((), found.at.timestamp())] if found else []


def _scores(ledger: Ledger, now: datetime) -> Values:
    share = ledger.status.positive_share(since=now - RATIO_DAYS)
    yield "positive_ratio", [] if share is None else [((), share)]
    found = ledger.measurements.newest(DRIFT)
    is_known = found is not None and found.facts["shift"] is not None
    yield "score_shift", [((), found.facts["shift"])] if found and is_known else []
    yield "scores_drifted", [((), found.facts["has_drifted"])] if found and is_known else []


def _troubles(ledger: Ledger, config: Config, now: datetime) -> list[Sample]:
    number: Counter[str] = Counter(dict.fromkeys(TroubleKind, 0))
    for trouble in troubles_now(ledger, config, now):
        number[trouble.kind] += int(trouble.facts.get("more", 1))
    return [([kind], number[kind]) for kind in TroubleKind]
