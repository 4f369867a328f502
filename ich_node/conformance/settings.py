"""The settings with their defaults."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ich_node.config.destinations import KINDS
from ich_node.config.settings import (
    ReportSettings,
    ScpSettings,
    SeriesSettings,
    Source,
    SpoolSettings,
    StudySettings,
    TlsSettings,
)
from ich_node.conformance.markdown import table

SECTIONS: dict[str, type[BaseModel]] = {
    "[scp]": ScpSettings,
    "[tls]": TlsSettings,
    "[series]": SeriesSettings,
    "[study]": StudySettings,
    "[spool]": SpoolSettings,
    "[report]": ReportSettings,
    "[[sources]]": Source,
}


def settings_lines() -> list[str]:
    return [
        "## 4 Configuration",
        "",
        "config.toml explains each setting. `[[sources]]` and `[[destinations]]` map AE titles to"
        " addresses.",
        "",
        *table(
            ("section", "setting", "default"),
            (row for heading, model in SECTIONS.items() for row in _rows(heading, model)),
        ),
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


def _rows(heading: str, model: type[BaseModel]) -> list[tuple[str, str, str]]:
    return [
        (f"`{heading}`", f"`{name}`", _default(field)) for name, field in model.model_fields.items()
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default()
    if default is None or default == ():
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
