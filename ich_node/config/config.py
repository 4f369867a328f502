"""Config: all sections of config.toml together, and the rules between sections.

Environment variables override the file: `ICHNODE__SECTION__KEY`, e.g. `ICHNODE__SCP__PORT=11113`.
"""

from typing import Any

from pydantic import ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from ich_node.config.alerts import Alert, HeartbeatSettings
from ich_node.config.between_sections import rules_between_sections
from ich_node.config.destinations import Destination
from ich_node.config.removed import without_removed_settings
from ich_node.config.routes import with_senders
from ich_node.config.rules import Rule
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
    VerdictSettings,
)
from ich_node.config.web import AuditSettings, SiteSettings

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
    rules: tuple[Rule, ...] = ()
    study: StudySettings = StudySettings()
    bundle: BundleSettings = BundleSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    report: ReportSettings = ReportSettings()
    verdicts: VerdictSettings = VerdictSettings()
    web: SiteSettings = SiteSettings()
    audit: AuditSettings = AuditSettings()
    alerts: tuple[Alert, ...] = ()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="before")
    @classmethod
    def _ignore_removed_settings(cls, values: dict[str, Any]) -> dict[str, Any]:
        return without_removed_settings(values)

    @field_validator("destinations")
    @classmethod
    def _results_return_to_their_senders(
        cls, destinations: tuple[Destination, ...], info: ValidationInfo
    ) -> tuple[Destination, ...]:
        return with_senders(destinations, info.data.get("sources", ()))

    @model_validator(mode="after")
    def _sections_fit_together(self) -> "Config":
        mistakes = rules_between_sections(
            scp=self.scp,
            sources=self.sources,
            destinations=self.destinations,
            tls=self.tls,
            series=self.series,
            rules=self.rules,
            verdicts=self.verdicts,
            alerts=self.alerts,
        )
        if mistakes:
            raise ValueError("\n".join(mistakes))
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
