"""Every metric: its name, kind, labels and meaning. docs/monitoring.md has the same table.

The values of all labels are few: names from config.toml, words of this program, the hash of a
bundle.
"""

from dataclasses import dataclass
from typing import Literal

PREFIX = "ichnode_"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """name: without PREFIX; of a counter without _total."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    words: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """As Prometheus has it."""
        return f"{PREFIX}{self.name}" + ("_total" if self.kind == "counter" else "")


def _gauge(name: str, words: str, *labels: str) -> Metric:
    return Metric(name=name, kind="gauge", words=words, labels=labels)


def _counter(name: str, words: str, *labels: str) -> Metric:
    return Metric(name=name, kind="counter", words=words, labels=labels)


def _histogram(name: str, words: str) -> Metric:
    return Metric(name=name, kind="histogram", words=words)


METRICS = (
    _gauge("build_info", "The version of ich-node that answers; always 1.", "version", "python"),
    _gauge("service_up", "1: a process of the service has a heartbeat.", "service"),
    _gauge("service_ready", "1: a process of the service does its work.", "service"),
    _gauge("service_processes", "Processes of the service with a heartbeat.", "service"),
    _gauge("heartbeat_age_seconds", "Since the newest heartbeat of the service.", "service"),
    _gauge("paused", "1: an operator has paused reading, receiving or a destination.", "target"),
    _gauge("gpu_available", "1: a process that reads has a GPU."),
    _gauge("model_info", "The model that is loaded; always 1.", "name", "sha256", "engine"),
    _counter(
        "associations",
        "Associations that ended, by how: released, aborted, or rejected for a reason.",
        "result",
        "reason",
        "source",
    ),
    _counter("instances_received", "Objects that were answered with Success.", "source"),
    _counter(
        "instances_refused", "Objects that were answered with another status.", "source", "status"
    ),
    _counter(
        "series",
        "Series by outcome: present, absent, undetermined, refused, set_aside, held, failed.",
        "outcome",
    ),
    _counter("series_skipped", "Series that were not read: refused, set aside, held.", "reason"),
    _counter("series_failed", "Series that could not be analysed.", "reason"),
    _gauge("jobs", "Series that want something, by what.", "state"),
    _gauge("job_age_seconds", "Since the oldest of them was ready to be read.", "state"),
    _histogram("inference_seconds", "From the objects of a series to its answer, in the reader."),
    _histogram(
        "receive_to_result_seconds", "From the last slice of a series to its recorded answer."
    ),
    _counter("deliveries", "Results that a destination took.", "destination"),
    _counter("send_failures", "Tries to send a result that failed.", "destination"),
    _gauge("deliveries_owed", "Results that a destination is still to get.", "destination"),
    _gauge("deliveries_failed", "Results that were given up (dead letters).", "destination"),
    _gauge("delivery_age_seconds", "Since the oldest of those owed was read.", "destination"),
    _gauge("destination_up", "1: the destination answers.", "destination"),
    _gauge("disk_free_bytes", "Free for the spool, or the ledger on a disk of its own.", "holds"),
    _gauge("disk_size_bytes", "The size of that file system.", "holds"),
    _gauge("disk_reserve_bytes", "With less than this free, objects are refused.", "holds"),
    _gauge(
        "cert_expiry_timestamp_seconds",
        "When a certificate ends, in Unix time; 0: it cannot be used.",
        "certificate",
    ),
    _gauge(
        "last_backup_timestamp_seconds",
        "When the last whole backup was made, in Unix time; absent before the first one.",
    ),
    _gauge("positive_ratio", "Positive among the series of the last 7 days with an answer."),
    _gauge(
        "score_shift",
        "The greatest difference between the shares of series below a score, now and before.",
    ),
    _gauge("scores_drifted", "1: the scores lie elsewhere than before."),
    _gauge("troubles", "What is wrong now, by kind; the site and the alerts say more.", "kind"),
)
BY_NAME = {metric.name: metric for metric in METRICS}
