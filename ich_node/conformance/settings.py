"""The settings with their defaults."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ich_node.config.config import Config
from ich_node.config.destinations import KINDS, DicomDestination
from ich_node.config.settings import (
    ReportSettings,
    ScpSettings,
    SeriesSettings,
    Source,
    SpoolSettings,
    StudySettings,
    TlsSettings,
    VerdictSettings,
)
from ich_node.config.web import AuditSettings
from ich_node.conformance.markdown import table

SECTIONS: dict[str, type[BaseModel]] = {
    "[scp]": ScpSettings,
    "[tls]": TlsSettings,
    "[series]": SeriesSettings,
    "[study]": StudySettings,
    "[spool]": SpoolSettings,
    "[report]": ReportSettings,
    "[verdicts]": VerdictSettings,
    "[audit]": AuditSettings,
    "[[sources]]": Source,
}


def settings_lines(config: Config | None) -> list[str]:
    """config: of the node that the statement is about, whose values are listed, too."""
    here = () if config is None else ("this node",)
    return [
        "## 4 Configuration",
        "",
        "config.toml explains each setting. `[[sources]]` and `[[destinations]]` map AE titles to"
        " addresses.",
        "",
        *table(
            ("section", "setting", "default", *here),
            (row for heading, model in SECTIONS.items() for row in _rows(heading, model, config)),
        ),
        *([] if config is None else _peers(config)),
        "### 4.1 Kinds of destinations",
        "",
        "The node sends objects to destinations of kind `dicom` as described in section 3, and to"
        " those of kind `stow` with DICOMweb. Destinations of kind `hl7` and `webhook` get"
        " notifications, which are not DICOM.",
        "",
        *table(
            ("kind", "destination", "settings"),
            (
                (
                    f"`{kind}`",
                    _summary(model),
                    ", ".join(f"`{name}`" for name in model.model_fields),
                )
                for kind, model in KINDS.items()
            ),
        ),
    ]


def _summary(model: type[BaseModel]) -> str:
    """The first paragraph of the docstring."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _peers(config: Config) -> list[str]:
    senders = (
        (f"`{source.ae_title}`", ", ".join(source.hosts) or "any address", "may send")
        for source in config.sources
    )
    receivers = (
        (f"`{peer.ae_title}`", f"{peer.host}, port {peer.port}", "gets results")
        for peer in config.destinations
        if isinstance(peer, DicomDestination)
    )
    return table(("AE title", "address", "role"), (*senders, *receivers))


def _rows(heading: str, model: type[BaseModel], config: Config | None) -> list[tuple[str, ...]]:
    section = getattr(config, heading.strip("[]")) if config is not None else None
    rows: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        row = (f"`{heading}`", f"`{name}`", _default(field))
        here = (_shown(getattr(section, name)) if isinstance(section, model) else "",)
        rows.append(row if config is None else row + here)
    return rows


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _shown(field.get_default())


def _shown(value: object) -> str:
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
