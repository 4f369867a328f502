"""[[rules]]: which series are read, refused, held or read first, by the words of their headers."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ich_node.config.fields import Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LONGEST_REASON = 200
CONDITIONS = (
    "source",
    "calling",
    "modality",
    "body_part",
    "description",
    "protocol",
    "kernel",
    "thickness_mm",
    "slices",
    "age_years",
    "contrast",
    "quality_control_image",
)


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Range = tuple[float, float]


class Rule(Section):
    """One entry. All conditions must hold; of a list, one value."""

    name: str
    action: Literal["read", "refuse", "hold", "urgent", "disabled"]
    reason: str = ""
    hold_minutes: float = Field(60, gt=0)
    source: Texts = ()
    calling: Texts = ()
    modality: Texts = ()
    body_part: Texts = ()
    description: Texts = ()
    protocol: Texts = ()
    kernel: Texts = ()
    thickness_mm: Range | None = None
    slices: Range | None = None
    age_years: Range | None = None
    contrast: bool | None = None
    quality_control_image: bool | None = None

    @property
    def conditions(self) -> dict[str, Any]:
        """Those that are given."""
        return {
            name: value
            for name in CONDITIONS
            if (value := getattr(self, name)) is not None and value != ()
        }

    @field_validator("name")
    @classmethod
    def _name_is_a_word(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a name has 1 to 64 letters, digits, hyphens, dots or underscores")
        return name

    @field_validator("reason")
    @classmethod
    def _reason_is_one_line(cls, reason: str) -> str:
        if len(reason) > LONGEST_REASON or not reason.isprintable():
            raise ValueError(f"a reason is one line of at most {LONGEST_REASON} characters")
        return reason.strip()

    @field_validator("thickness_mm", "slices", "age_years")
    @classmethod
    def _range_is_in_order(cls, span: Range | None) -> Range | None:
        if span is not None and not 0 <= span[0] <= span[1]:
            raise ValueError("a range is [from, to]; both belong to it, and [6, inf] has no end")
        return span

    @model_validator(mode="after")
    def _settings_fit_the_action(self) -> "Rule":
        where = f"[[rules]] {self.name}"
        if self.action == "refuse" and not self.reason:
            raise ValueError(f"{where}: action 'refuse' needs a reason: the text that people read")
        if self.action not in ("refuse", "hold") and self.reason:
            raise ValueError(f"{where}: only action 'refuse' or 'hold' tells a reason")
        if self.action != "hold" and "hold_minutes" in self.model_fields_set:
            raise ValueError(f"{where}: hold_minutes needs action 'hold'")
        if self.action == "disabled" and self.conditions:
            raise ValueError(
                f"{where}: action 'disabled' has no conditions; action 'read' takes a shipped rule"
                " away for the series that match"
            )
        if self.action != "disabled" and not self.conditions:
            raise ValueError(
                f'{where} matches every series: give it a condition, at least modality = "*".'
                f" There are: {', '.join(CONDITIONS)}"
            )
        if self.action == "urgent" and self.slices is not None:
            raise ValueError(
                f"{where}: action 'urgent' is decided when the first object arrives, and slices is"
                " not known then; thickness_mm is"
            )
        return self
