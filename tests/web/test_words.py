"""All words for people stand in templates, marked for translation: a language is one file more."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.web.rendering import environment
from tests.support import REPOSITORY

TEMPLATES = sorted((REPOSITORY / "ich_node/web/templates").rglob("*.html"))
NAMES = {"ich-node", "DICOM", "SR", "HL7", "UID", "config.toml"}  # the same in every language
UNITS = {"mm", "px", "kV", "mA", "mAs", "HU", "ms", "min", "MB", "GB"}
HOLE = "\0"  # where an expression stands
FOR_PEOPLE = re.compile(r'\b(?:aria-label|title|alt|placeholder)="([^"]*)"')
CODE = re.compile(r"<(code|pre|kbd|textarea)\b.*?</\1>", re.DOTALL)  # what is typed as it stands
A_SENTENCE = re.compile(r"[A-Z][a-z]+$|[A-Za-z]+ [a-z]+")


def unmarked(source: str) -> list[str]:
    """The words of a template that are in no `{% trans %}` and no `_()`."""
    html, in_expressions = [], []
    tokens = [each for each in environment().lex(source) if each[1] != "whitespace"]
    values = ["", "", *(value for _, _, value in tokens), ""]
    inside_trans = False
    for number, (_, kind, value) in enumerate(tokens):
        *before, _, after = values[number : number + 4]
        if kind == "name" and before[1].startswith("{%") and value in ("trans", "endtrans"):
            inside_trans = value == "trans"
        if kind == "data" and not inside_trans:
            html.append(value)
        elif kind == "variable_begin":
            html.append(HOLE)
        elif kind == "string" and A_SENTENCE.match(value[1:-1]):
            is_name = before[1] in ("==", "!=") or after == ":"  # compared, or a key
            if before != ["_", "("] and not is_name:
                in_expressions.append(value)
    text = CODE.sub(" ", "".join(html))
    attributes = [each for each in FOR_PEOPLE.findall(text) if not each.startswith("/")]  # a path
    text = re.sub(r"<[^<>]*>", " ", text)
    words = [word for part in (text, *attributes) for word in _words(part)]
    return words + in_expressions


def _words(text: str) -> Iterator[str]:
    for name in NAMES:
        text = text.replace(name, " ")
    text = re.sub(r"&\w+;", " ", text)
    yield from (word for word in re.findall(r"[^\W\d_]{2,}", text) if word not in UNITS)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_all_words_are_marked(template: Path) -> None:
    assert unmarked(template.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{% trans %}Hello{% endtrans %}</p>", []),
        ("{% trans %}Hello{% endtrans %} you", ["you"]),
        ('<a title="More">{{ x }}</a>', ["More"]),
        ('<a title="{{ _(\'More\') }}" class="wide row">{{ x }}</a>', []),
        ('{{ "Yes" if x else _("No") }}', ['"Yes"']),
        ('{{ x.strftime("%H:%M") }} · ich-node', []),
        ('{% if x == "one word" %}{% endif %}{{ "two words" }}', ['"two words"']),
        ('{{ {"key objects": _("from the PACS")}[x] }}', []),
        ("<p><code>ich-node jobs list</code></p>", []),
    ],
)
def test_the_search_finds_them(source: str, found: list[str]) -> None:
    assert unmarked(source) == found
