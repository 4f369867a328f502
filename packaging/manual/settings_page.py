"""The page of the settings: the comments of config.toml, with types and defaults of the code."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ich_node.config.config import Config

MADE = (
    'This page is made of <a href="config.toml" download>config.toml</a> and of the code that reads'
    " it. A setting whose default is *none* may be left out."
)
HEADING = re.compile(r"(?:# )?(\[\[?[a-z.]+\]\]?)(?:\s+# (.*))?$")
SETTING = re.compile(r"(?:# )?([a-z_]+) = (.*?)(?:\s{2,}# (.*))?$")
CONTINUED = re.compile(r"#?\s{3,}# ?(.*)$")
DOCUMENT = re.compile(r"docs/[\w-]+\.md(?:#[\w-]+)?")
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}


@dataclass
class Setting:
    name: str
    example: str
    comment: str


@dataclass
class Block:
    """One table of config.toml. preface: what stands above it."""

    heading: str
    preface: str
    comment: str = ""
    settings: list[Setting] = field(default_factory=list)

    @property
    def section(self) -> str:
        return self.heading.strip("[]")

    @property
    def kind(self) -> str | None:
        """Of several kinds, e.g. of destinations: which of them this block shows."""
        return next(
            (each.example.strip('"') for each in self.settings if each.name == "kind"), None
        )


def text(config_toml: str) -> str:
    """Markdown: a section for each table of config.toml, with a row for each setting."""
    intro, blocks = parsed(config_toml)
    lines = ["# Settings", "", _with_links(intro), "", MADE, ""]
    seen: set[str] = set()
    for block in blocks:
        title = block.heading
        if title in seen:
            lines += [f"### {title} of kind {block.kind}", ""]
        else:
            lines += [f"## {title}", ""]
        seen.add(title)
        lines += [each + "\n" for each in map(_with_links, (block.preface, block.comment)) if each]
        lines += _table(block)
    return "\n".join(lines) + "\n"


def parsed(config_toml: str) -> tuple[str, list[Block]]:
    """The words at the top of the file, and its tables."""
    blocks: list[Block] = []
    paragraphs: list[str] = []  # of the words at the top
    loose: list[str] = []
    for line in config_toml.splitlines():
        if heading := HEADING.match(line):
            blocks.append(Block(heading[1], " ".join(loose), heading[2] or ""))
            loose = []
        elif setting := SETTING.match(line):
            blocks[-1].settings.append(Setting(setting[1], setting[2], setting[3] or ""))
        elif (more := CONTINUED.match(line)) and blocks:
            _continue(blocks[-1], more[1])
        elif line.startswith("# "):
            loose.append(line.removeprefix("# "))
        elif not blocks and loose:
            paragraphs.append(" ".join(loose))
            loose = []
    return "\n\n".join(paragraphs), blocks


def _continue(block: Block, words: str) -> None:
    if block.settings:
        block.settings[-1].comment += f" {words}"
    else:
        block.comment += f" {words}"


def _table(block: Block) -> Iterator[str]:
    model = _model(block)
    schema = model.model_json_schema()
    yield "| setting | what it is | default | what it does |"
    yield "|---|---|---|---|"
    for setting in block.settings:
        known = model.model_fields[setting.name]
        cells = (
            f"`{setting.name}`",
            _kind_of_value(schema["properties"][setting.name], schema.get("$defs", {})),
            _default(known),
            _with_links(_with_example(setting, known)),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _model(block: Block) -> type[BaseModel]:
    """The class that holds the settings of a table."""
    annotation: Any = Config
    for name in block.section.split("."):
        owner = next(_classes(annotation))
        annotation = owner.model_fields[name].annotation
    classes = list(_classes(annotation))
    if len(classes) == 1:
        return classes[0]
    kind = block.kind or "dicom"
    return next(each for each in classes if kind in get_args(each.model_fields["kind"].annotation))


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _classes(part)


def _kind_of_value(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """In words, of a JSON schema."""
    if "$ref" in schema:
        return _kind_of_value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(_kind_of_value(each, definitions) for each in kinds))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        items = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list: {_kind_of_value(items, definitions)}"
    if schema.get("format") in ("path", "file-path"):
        return "file or folder"
    if schema.get("format") == "uri":
        return "URL"
    return WORDS[schema["type"]] + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    parts = [
        f"{word} {schema[key]:,}".replace(",", " ")
        for key, word in (
            ("exclusiveMinimum", "above"),
            ("minimum", "from"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema
    ]
    return f", {' '.join(parts)}" if parts else ""


def _default(known: FieldInfo) -> str:
    if known.is_required():
        return "needed"
    value = known.get_default(call_default_factory=True)
    if value is None or value == ():
        return "none"
    if isinstance(value, Path):
        value = str(value)
    return f"`{json.dumps(value)}`"


def _with_example(setting: Setting, known: FieldInfo) -> str:
    """An example, where the file has another value than the default."""
    if setting.name == "kind" or _default(known) == f"`{setting.example}`":
        return setting.comment
    return f"{setting.comment} (e.g. `{setting.example}`)"


def _with_links(words: str) -> str:
    """The documents that a comment names become links, as from the root of the repository."""
    return DOCUMENT.sub(r"[\g<0>](\g<0>)", words.strip())
