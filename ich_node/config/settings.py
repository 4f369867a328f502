"""config.toml -> typed, frozen settings. An unknown key is an error that names its neighbours.

Every setting can be overridden by an environment variable: `ICHNODE__SECTION__KEY`, e.g.
`ICHNODE__SCP__PORT=11113`. Facts of the model (windows, thresholds) are not here: they live in the
bundle, so that they cannot drift from its weights.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ich_node.config.destinations import KINDS, Destination, DicomDestination, Hl7Destination
from ich_node.config.fields import AeTitle, Port, Seconds, Section
from ich_node.errors import ConfigError

ENV_PREFIX = "ICHNODE__"


class ScpSettings(Section):
    """The door: where this node listens, and how much it lets one peer take."""

    ae_title: AeTitle = "ICHNODE"
    bind_address: str = "0.0.0.0"  # noqa: S104 - a DICOM node is there to be reached; [[sources]] says by whom
    port: Port = 11112
    processes: int = Field(1, ge=1, le=64)
    max_associations: int = Field(25, ge=1)
    max_pdu_bytes: int = Field(131_072, ge=4_096, le=16_777_216)
    max_object_bytes: int = Field(67_108_864, ge=1_048_576)
    max_bytes_in_flight: int = Field(536_870_912, ge=2_097_152)
    acse_timeout_seconds: float = Field(10, gt=0)
    dimse_timeout_seconds: float = Field(60, gt=0)
    idle_timeout_seconds: float = Field(60, gt=0)

    @model_validator(mode="after")
    def _the_largest_object_fits(self) -> "ScpSettings":
        if self.max_bytes_in_flight < 2 * self.max_object_bytes:
            raise ValueError(
                "[scp] max_bytes_in_flight must be at least twice max_object_bytes: half of it is for large objects"
            )
        return self


class TlsSettings(Section):
    """A second door for DICOM over TLS, and what we show to destinations that speak it. Off without
    a certificate.
    """

    port: Port = 2762
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    required: bool = False
    warn_days: int = Field(30, ge=0)

    @model_validator(mode="after")
    def _is_whole(self) -> "TlsSettings":
        if (self.certificate is None) != (self.ca is None):
            raise ValueError(
                "[tls] needs both certificate and ca: an AE title alone proves nothing"
            )
        if self.required and self.certificate is None:
            raise ValueError("[tls] required needs certificate and ca")
        return self

    @property
    def is_on(self) -> bool:
        return self.certificate is not None


class Source(Section):
    """A peer that may send to us. No hosts = any host that knows the AE title; a
    certificate_subject = over TLS only.
    """

    name: str = Field(min_length=1)
    ae_title: AeTitle
    hosts: tuple[str, ...] = ()
    certificate_subject: str | None = Field(None, min_length=1)
    max_associations: int | None = Field(None, ge=1)
    associations_per_minute: int = Field(1_200, ge=1)
    quiet_seconds: Seconds | None = None
    urgent: bool = False
    storage_commitment: bool = False
    commitment_port: Port | None = None

    @field_validator("hosts")
    @classmethod
    def _hosts_are_networks(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            ipaddress.ip_network(host, strict=False)
        return hosts


class DatabaseSettings(Section):
    url: str = "sqlite:///var/ich-node.sqlite"
    keep_days: float = Field(365, gt=0)


class SpoolSettings(Section):
    path: Path = Path("var/spool")
    reserve_bytes: int = Field(1_073_741_824, ge=0)
    retention_days: float = Field(7, gt=0)
    watermark_percent: float = Field(85, gt=0, le=100)


class SeriesSettings(Section):
    """When a series counts as complete."""

    quiet_seconds: Seconds = 20
    grace_seconds: Seconds = 5
    max_wait_seconds: Seconds = 900


class BundleSettings(Section):
    """path: the bundle that reads until `ich-node model activate` chooses another; None = the
    shipped one.
    """

    path: Path | None = None


class AnalysisSettings(Section):
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    engine: Literal["auto", "torch", "openvino"] = "auto"
    threads: int = Field(0, ge=0)
    lease_seconds: float = Field(120, gt=1)
    max_attempts: int = Field(3, ge=1)
    stall_seconds: float = Field(300, gt=1)

    @model_validator(mode="after")
    def _openvino_is_on_the_cpu(self) -> "AnalysisSettings":
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError(
                f"[analysis] engine 'openvino' reads on the CPU, and device is '{self.device}'"
            )
        return self


class ReportSettings(Section):
    """Which objects are made, as ich_node.report.ReportOptions knows them."""

    sr_class: Literal["comprehensive3d", "comprehensive", "enhanced"] = "comprehensive3d"
    summary: bool = True
    max_overlays: int = Field(20, ge=0)
    gsps: bool = True
    key_objects: bool = True
    parametric_map: bool = False
    compression: Literal["rle", "none"] = "rle"
    refused: bool = False


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(BaseSettings):
    """Everything an admin can set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    scp: ScpSettings = ScpSettings()
    sources: tuple[Source, ...] = ()
    destinations: tuple[Destination, ...] = ()
    tls: TlsSettings = TlsSettings()
    database: DatabaseSettings = DatabaseSettings()
    spool: SpoolSettings = SpoolSettings()
    series: SeriesSettings = SeriesSettings()
    bundle: BundleSettings = BundleSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    report: ReportSettings = ReportSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Config":
        for kind, names in (
            ("sources", [source.name for source in self.sources]),
            ("destinations", [destination.name for destination in self.destinations]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(
                    f"[[{kind}]] uses the name {', '.join(twice)} more than once; names tell peers apart"
                )
        return self

    @model_validator(mode="after")
    def _commitments_can_be_answered(self) -> "Config":
        callers = {source.ae_title.strip() for source in self.sources}
        for destination in self.destinations:
            if not isinstance(destination, DicomDestination) or not destination.storage_commitment:
                continue
            if destination.ae_title.strip() not in callers:
                raise ValueError(
                    f"[[destinations]] {destination.name}: storage_commitment needs a [[sources]] entry with ae_title "
                    f"'{destination.ae_title}': the peer calls back with its answer"
                )
        return self

    @model_validator(mode="after")
    def _tls_has_its_certificates(self) -> "Config":
        if self.tls.is_on:
            return self
        for source in self.sources:
            if source.certificate_subject is not None:
                raise ValueError(
                    f"[[sources]] {source.name}: certificate_subject needs [tls] certificate and ca"
                )
        for destination in self.destinations:
            if isinstance(destination, DicomDestination | Hl7Destination) and destination.tls:
                raise ValueError(
                    f"[[destinations]] {destination.name}: tls needs [tls] certificate and ca"
                )
        return self

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the sources that are not used are not named
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes over the file; nothing else is read."""
        return EnvSettingsSource(settings_cls), init_settings


def load_config(path: Path | None) -> Config:
    """Read a config.toml (None = all defaults) and the environment.

    Raises ConfigError with one sentence per mistake.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
    where = str(path) if path else "the defaults"
    _refuse_unknown_variables()
    try:
        return Config(**values)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"{where}: {_sentence(mistake)}" for mistake in error.errors())
        ) from error


def _refuse_unknown_variables() -> None:
    """pydantic-settings silently ignores a variable whose section does not exist; an admin's typo
    must not pass.
    """
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            section = name[len(ENV_PREFIX) :].split("__")[0].lower()
            if section not in Config.model_fields:
                raise ConfigError(
                    f"environment variable {name}: there is no section '{section}'; {_knows(Config)}"
                )


def _sentence(mistake: Any) -> str:
    location = tuple(mistake["loc"])
    if not location:
        return str(mistake["msg"]).removeprefix("Value error, ")
    owner, heading = _owner(location)
    if mistake["type"] == "union_tag_invalid":
        return f"{heading} kind: there is no kind {mistake['ctx']['tag']!r}; there are: {', '.join(KINDS)}"
    if len(location) > 1 and location[-1] in KINDS:  # about a destination as a whole
        return f"{heading} {mistake['input'].get('name', '')}: {str(mistake['msg']).removeprefix('Value error, ')}"
    if mistake["type"] == "extra_forbidden":
        what = "section" if owner is Config else "setting"
        return f"{heading} has no {what} '{location[-1]}'; {_knows(owner)}"
    if mistake["type"] == "missing":
        return f"{heading} needs the setting '{location[-1]}'; {_knows(owner)}"
    return f"{heading} {location[-1]}: {str(mistake['msg']).removeprefix('Value error, ')} (got {mistake['input']!r})"


def _owner(location: tuple[str | int, ...]) -> tuple[type[BaseModel], str]:
    """The section that a mistake's location points into, and how config.toml writes its heading."""
    sections: dict[str, tuple[type[BaseModel], str]] = {
        "sources": (Source, "[[sources]]"),
        "destinations": (DicomDestination, "[[destinations]]"),
    }
    first = str(location[0])
    if first == "destinations" and len(location) > 2:
        return KINDS[str(location[2])], "[[destinations]]"
    if first in sections:
        return sections[first] if len(location) > 1 else (Config, "the configuration")
    field = Config.model_fields.get(first)
    if field is None or len(location) == 1 or not isinstance(field.annotation, type):
        return Config, "the configuration"
    return field.annotation, f"[{first}]"


def _knows(model: type[BaseModel]) -> str:
    return "it knows: " + ", ".join(model.model_fields)
