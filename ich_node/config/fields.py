"""The base class of the sections of config.toml, and types that several of them use."""

import ipaddress
import re
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """Immutable; an unknown key is an error. Words of a fixed list may be in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _words_in_any_case(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        changed = {
            name: _spelt(values[name], _choices(field.annotation))
            for name, field in cls.model_fields.items()
            if name in values
        }
        return values | changed


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words of a Literal, also of a list of them."""
    if get_origin(annotation) is Literal:
        return tuple(each for each in get_args(annotation) if isinstance(each, str))
    return tuple(word for part in get_args(annotation) for word in _choices(part))


def _spelt(value: Any, choices: tuple[str, ...]) -> Any:
    """A word as the list spells it; anything else as it is."""
    if isinstance(value, list | tuple):
        return [_spelt(each, choices) for each in value]
    if not isinstance(value, str) or value in choices:
        return value
    return next((each for each in choices if each.lower() == value.lower()), value)


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


def _is_host(value: str) -> str:
    """A name or an address. Raises ValueError."""
    inner = re.sub(r"^\w+://", "", value).split("/")[0]
    if inner != value:
        raise ValueError(f"{value!r} is a URL; give the name or address alone: '{inner}'")
    if with_port := re.fullmatch(r"([^:]+):(\d+)", value):
        raise ValueError(f"{value!r} has a port; give host = '{with_port[1]}' and port")
    if not value.strip() or re.search(r"\s", value):
        raise ValueError(f"{value!r} is not a name or an address")
    return value


def _is_network(value: str) -> str:
    """Raises ValueError."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(
            f"{value!r} is not an address: a connection shows the sender's address, not its name;"
            " give 10.1.2.3, or a network like 10.1.4.0/24"
        ) from None
    return value


def _is_device(value: str) -> str:
    """In any case. Raises ValueError."""
    device = value.lower()
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        return device
    near = re.sub(r"^(gpu|nvidia)", "cuda", device)
    is_meant = re.fullmatch(r"cuda(:\d+)?", near)
    hint = f"did you mean '{near}'?" if is_meant else "it is auto, cpu, cuda or cuda:1"
    raise ValueError(f"no device {value!r}; {hint}")


AeTitle = Annotated[str, AfterValidator(_is_ae_title)]
Host = Annotated[str, AfterValidator(_is_host)]
Network = Annotated[str, AfterValidator(_is_network)]
Device = Annotated[str, AfterValidator(_is_device)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
