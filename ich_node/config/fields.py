"""The base class of the sections of config.toml, and types that several of them use."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_ae_title(value: str) -> str:
    """VR AE (PS3.5 §6.2): 1 to 16 characters of the default repertoire, no backslash, not only
    spaces. Raises ValueError.
    """
    if (
        not value.strip()
        or len(value) > 16
        or "\\" in value
        or not all(" " <= character <= "~" for character in value)
    ):
        raise ValueError(
            f"{value!r} is not an AE title: 1 to 16 printable ASCII characters without backslash"
        )
    return value


AeTitle = Annotated[str, AfterValidator(_is_ae_title)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
