"""The sections of config.toml, except [[destinations]]. config.toml explains each setting.

Properties of the model (windows, thresholds) are not settings: they are stored in the bundle, so
that they always match its weights.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ich_node.config.fields import AeTitle, Device, Network, Port, Seconds, Section
from ich_node.config.query import SourceQuery


class ScpSettings(Section):
    """[scp]: where this node listens (as a Service Class Provider), and its limits."""

    ae_title: AeTitle = "ICHNODE"
    bind_address: str = "0.0.0.0"  # noqa: S104 - peers must reach it; [[sources]] restricts which
    port: Port = 11112
    max_associations: int = Field(25, ge=1)
    max_pdu_bytes: int = Field(131_072, ge=4_096, le=16_777_216)
    max_object_bytes: int = Field(268_435_456, ge=1_048_576)
    max_bytes_in_flight: int = Field(2_147_483_648, ge=2_097_152)
    acse_timeout_seconds: float = Field(10, gt=0)
    dimse_timeout_seconds: float = Field(60, gt=0)
    idle_timeout_seconds: float = Field(60, gt=0)

    @model_validator(mode="after")
    def _the_largest_object_fits(self) -> "ScpSettings":
        if self.max_bytes_in_flight < 2 * self.max_object_bytes:
            raise ValueError(
                "[scp] max_bytes_in_flight must be at least twice max_object_bytes: half of it is"
                " reserved for large objects"
            )
        return self


class TlsSettings(Section):
    """[tls]: a second port for DICOM over TLS, and the client certificate for destinations with
    TLS. Disabled without a certificate.
    """

    port: Port = 2762
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    required: bool = False
    warn_days: int = Field(30, ge=0)

    @model_validator(mode="after")
    def _is_complete(self) -> "TlsSettings":
        if (self.certificate is None) != (self.ca is None):
            raise ValueError(
                "[tls] needs both certificate and ca: an AE title does not authenticate a peer"
            )
        if self.required and self.certificate is None:
            raise ValueError("[tls] required needs certificate and ca")
        return self

    @property
    def is_on(self) -> bool:
        return self.certificate is not None


class Source(Section):
    """[[sources]]: a peer that may send to this node. No hosts: any host that uses the AE title.
    A certificate_subject: over TLS only.
    """

    name: str = Field(min_length=1)
    ae_title: AeTitle
    hosts: tuple[Network, ...] = ()
    certificate_subject: str | None = Field(None, min_length=1)
    max_associations: int | None = Field(None, ge=1)
    associations_per_minute: int = Field(1_200, ge=1)
    quiet_seconds: Seconds | None = None
    urgent: bool = False
    storage_commitment: bool = False
    commitment_port: Port | None = None
    other_classes: Literal["reject", "discard"] = "reject"
    query: SourceQuery | None = None

    @model_validator(mode="after")
    def _what_is_discarded_is_not_committed(self) -> "Source":
        if self.other_classes == "discard" and self.storage_commitment:
            raise ValueError(
                f"[[sources]] {self.name}: other_classes 'discard' cannot be used with"
                " storage_commitment: the sender could delete what this node did not keep"
            )
        return self


class DatabaseSettings(Section):
    """[database]: where the ledger is. password_file: with the password of the user that the URL
    names. search_key: the file with the key behind which it keeps accession numbers and patient
    IDs.
    """

    url: str = "sqlite:///var/ich-node.sqlite"
    password_file: Path | None = None
    search_key: Path = Path("var/search.key")
    keep_days: float = Field(365, gt=0)

    @field_validator("url")
    @classmethod
    def _names_the_driver(cls, url: str) -> str:
        scheme, colon, _ = url.partition("://")
        if not colon:
            raise ValueError("a URL is wanted: sqlite:///PATH or postgresql+psycopg://...")
        if scheme in ("postgres", "postgres+psycopg"):
            raise ValueError(f"write postgresql+psycopg:// instead of {scheme}://")
        return url


class SpoolSettings(Section):
    """[spool]: where received objects and results are stored, and for how long."""

    path: Path = Path("var/spool")
    reserve_bytes: int = Field(1_073_741_824, ge=0)
    retention_days: float = Field(7, gt=0)
    watermark_percent: float = Field(85, gt=0, le=100)


class SeriesSettings(Section):
    """[series]: when a series counts as complete."""

    quiet_seconds: Seconds = 20
    grace_seconds: Seconds = 5
    max_wait_seconds: Seconds = 900

    @model_validator(mode="after")
    def _quiet_ends_before_the_longest_wait(self) -> "SeriesSettings":
        for name in ("quiet_seconds", "grace_seconds"):
            seconds = getattr(self, name)
            if seconds > self.max_wait_seconds:
                raise ValueError(
                    f"[series] {name} {seconds:g} is longer than max_wait_seconds"
                    f" {self.max_wait_seconds:g}, after which a series is read in any case"
                )
        return self


class StudySettings(Section):
    """[study]: one answer a study.

    reconstructions: which of several reconstructions of one acquisition is read; wait_seconds: for
    how long a complete series waits for a better one.
    """

    reconstructions: Literal["best", "all"] = "best"
    wait_seconds: Seconds = 0
    refusal_wait_seconds: Seconds = 300
    overdue_minutes: float = Field(30, gt=0)


class SelectionSettings(Section):
    """[selection]: which series are read. minimum_age: in years; 0 reads patients of any age.
    largest_gap_mm: a longer step between two slices inside the brain is a hole.
    """

    minimum_age: float = Field(0, ge=0, le=120)
    largest_gap_mm: float = Field(12, gt=0, le=50)


class BundleSettings(Section):
    """[bundle] path: the bundle that is used until `ich-node model activate` selects another.
    None: the bundle that ships with ich-node. demonstration_on_real_sources: what a demonstration
    bundle does with series that are no phantoms.
    """

    path: Path | None = None
    demonstration_on_real_sources: Literal["refuse", "mark"] = "mark"


class AnalysisSettings(Section):
    """[analysis]: how series are read."""

    device: Device = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    threads: int = Field(0, ge=0)
    lease_seconds: float = Field(120, gt=1)
    max_attempts: int = Field(3, ge=1)
    stall_seconds: float = Field(300, gt=1)

    @model_validator(mode="after")
    def _openvino_runs_on_the_cpu(self) -> "AnalysisSettings":
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError(
                f"[analysis] engine 'openvino' reads on the CPU, and device is '{self.device}'"
            )
        return self


class ReportSettings(Section):
    """[report]: which objects are made. The fields are those of ich_node.report.ReportOptions."""

    sr_class: Literal["comprehensive3d", "comprehensive", "enhanced"] = "comprehensive3d"
    summary: tuple[Literal["present", "absent", "undetermined", "not_analysed"], ...] = (
        "present",
        "undetermined",
    )
    max_overlays: int = Field(20, ge=0)
    gsps: bool = True
    key_objects: bool = True
    parametric_map: bool = False
    segmentation: bool = False
    compression: Literal["rle", "none"] = "rle"
    refused: Literal["heads", "all", "none"] = "heads"

    @field_validator("refused", mode="before")
    @classmethod
    def _was_true_or_false(cls, refused: Any) -> Any:
        """As older configurations have it."""
        older = {"true": "all", "false": "none"}
        return older.get(str(refused).lower(), refused)

    @field_validator("summary", mode="before")
    @classmethod
    def _summary_was_yes_or_no(cls, summary: object) -> object:
        """Of configurations written before it became a list."""
        if isinstance(summary, bool):
            return ("present", "undetermined") if summary else ()
        return summary


class VerdictSettings(Section):
    """[verdicts]: the AE title that takes Key Object Selections of readers (None: nothing does),
    and which document titles say that slices show bleeding, or are of bad quality: code meanings
    or code values. secret_file: of the signed webhook that takes verdicts; None: nobody may send.
    """

    ae_title: AeTitle | None = None
    positive: tuple[str, ...] = ("Of Interest",)
    quality: tuple[str, ...] = ("Quality Issue",)
    secret_file: Path | None = None

    @model_validator(mode="after")
    def _a_title_has_one_meaning(self) -> "VerdictSettings":
        both = {each.casefold() for each in self.positive} & {
            each.casefold() for each in self.quality
        }
        if both:
            raise ValueError(
                f"[verdicts] positive and quality both name {', '.join(sorted(both))!r}"
            )
        return self


class LogSettings(Section):
    """[log]. format: auto is console, for people, where standard error is a terminal. time: in the
    console format; json, for machines, is always in UTC.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    time: Literal["local", "utc"] = "local"
