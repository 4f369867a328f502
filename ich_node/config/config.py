"""Config: all sections of config.toml together, and the rules between sections.

Environment variables override the file: `ICHNODE__SECTION__KEY`, e.g. `ICHNODE__SCP__PORT=11113`.
"""

from typing import Any

from pydantic import model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from ich_node.config.destinations import Destination, DicomDestination, Hl7Destination
from ich_node.config.removed import without_removed_settings
from ich_node.config.settings import (
    AnalysisSettings,
    BundleSettings,
    DatabaseSettings,
    LogSettings,
    ReportSettings,
    ScpSettings,
    SelectionSettings,
    SeriesSettings,
    Source,
    SpoolSettings,
    StudySettings,
    TlsSettings,
)

ENV_PREFIX = "ICHNODE__"
ENV_DELIMITER = "__"


class Config(BaseSettings):
    """All settings of the node."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER
    )

    scp: ScpSettings = ScpSettings()
    sources: tuple[Source, ...] = ()
    destinations: tuple[Destination, ...] = ()
    tls: TlsSettings = TlsSettings()
    database: DatabaseSettings = DatabaseSettings()
    spool: SpoolSettings = SpoolSettings()
    series: SeriesSettings = SeriesSettings()
    selection: SelectionSettings = SelectionSettings()
    study: StudySettings = StudySettings()
    bundle: BundleSettings = BundleSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    report: ReportSettings = ReportSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="before")
    @classmethod
    def _ignore_removed_settings(cls, values: dict[str, Any]) -> dict[str, Any]:
        return without_removed_settings(values)

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Config":
        for kind, names in (
            ("sources", [source.name for source in self.sources]),
            ("destinations", [destination.name for destination in self.destinations]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(
                    f"[[{kind}]] uses the name {', '.join(twice)} more than once; names tell peers"
                    " apart"
                )
        return self

    @model_validator(mode="after")
    def _storage_commitment_replies_are_accepted(self) -> "Config":
        callers = {source.ae_title.strip() for source in self.sources}
        for destination in self.destinations:
            if not isinstance(destination, DicomDestination) or not destination.storage_commitment:
                continue
            if destination.ae_title.strip() not in callers:
                raise ValueError(
                    f"[[destinations]] {destination.name}: storage_commitment needs a [[sources]]"
                    f" entry with ae_title '{destination.ae_title}': the peer calls back with its"
                    " answer"
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
    @override
    def settings_customise_sources(  # type: ignore[override]  # unused sources have no names here
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the file; there is no other source."""
        return EnvSettingsSource(settings_cls), init_settings
