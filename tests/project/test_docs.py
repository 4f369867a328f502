"""What the documents say is what the code does."""

import re
from collections.abc import Collection
from itertools import takewhile
from pathlib import Path

import pytest

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.errors import Refusal
from ich_node.metrics.known import METRICS
from tests.support import REPOSITORY

# training/LOG.md and benchmarks/results are dated: they name what existed on their day.
DOCUMENTS = (
    *(REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "systemd" / "README.md",
)
CODE_FOLDERS = ("ich_node", "training", "benchmarks", "release", "packaging", "tests")
CHARACTERS_A_LINE = 140


def rows(path: Path, *, before: str | None = None) -> list[list[str]]:
    """The cells of the body rows of a document's Markdown tables. before: up to the first line that
    begins so.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    if before is not None:
        lines = list(takewhile(lambda line: not line.startswith(before), lines))
    body = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|")
        and not set(line) <= set("|- ")
        and not (following and set(following) <= set("|- "))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def all_tests() -> set[str]:
    return {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }


def missing_tests(text: str, existing: Collection[str]) -> list[str]:
    """The tests that a document names and that do not exist. Names of files are not tests."""
    named = set(re.findall(r"(?<![\w/])(test_[a-z0-9_]+)\b(?!\.py)", text))
    return sorted(named - set(existing))


def words_of_code() -> set[str]:
    """Those of metrics have a prefix, which the code adds."""
    paths = [path for each in CODE_FOLDERS for path in (REPOSITORY / each).rglob("*.py")]
    texts = (path.read_text(encoding="utf-8") for path in paths)
    return {metric.full_name for metric in METRICS}.union(
        *(re.findall(r"\w+", text) for text in texts)
    )


def unknown_words(text: str, known: Collection[str]) -> list[str]:
    """The `snake_case` words of a document that the code does not have: settings, log events,
    names of tasks and functions.
    """
    return sorted(set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", text)) - set(known))


def missing_files(text: str) -> list[str]:
    """The files of the code that a document names and that do not exist. Below a folder of the
    code, e.g. in the map of CONTRIBUTING, the end of the path is enough.
    """
    named = set(re.findall(r"(?<![\w/.])((?:\w+/)*\w+\.(?:py|c|sh))\b", text))
    return sorted(name for name in named if not _is_end_of_a_path(name))


def _is_end_of_a_path(name: str) -> bool:
    if name == "setup.py" or name.split("/")[0] in CODE_FOLDERS:
        return (REPOSITORY / name).is_file()
    return any(next((REPOSITORY / each).rglob(name), None) for each in CODE_FOLDERS)


def missing_modules(text: str) -> list[str]:
    """The modules that a document names, alone or after `python -m`, and that do not exist."""
    named = set(re.findall(r"(?:`|-m )((?:benchmarks|tests|training)(?:\.[a-z_]+)+)[`\s]", text))
    paths = {name: REPOSITORY / name.replace(".", "/") for name in named}
    return sorted(
        name
        for name, path in paths.items()
        if not path.with_suffix(".py").is_file() and not path.is_dir()
    )


def targets_of_make() -> dict[str, str]:
    """Each with its line of `make help`, "" if it has none. Files that make makes are left out."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z][a-z-]*):(?!=)[^#\n]*(?:## (.+))?$", text, re.MULTILINE))


def missing_targets(text: str) -> list[str]:
    """Those that stand in `code`, or begin a line of a code block."""
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.MULTILINE))
    return sorted(named - set(targets_of_make()))


def missing_links(document: Path, text: str) -> list[str]:
    """The relative links of a document whose file, or heading in that file, does not exist."""
    return sorted(
        link
        for link in set(re.findall(r"\]\((?!https?:)([^)\s]+)\)", text))
        if not _leads_somewhere(document, link)
    )


def _leads_somewhere(document: Path, link: str) -> bool:
    file, _, heading = link.partition("#")
    target = document.parent / file if file else document
    return target.exists() and (not heading or heading in headings(target))


def headings(document: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    lines = document.read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def long_lines(text: str) -> list[int]:
    """The numbers of the lines of prose that are too long. Tables and code blocks may be longer."""
    in_code = False
    numbers = []
    for number, line in enumerate(text.splitlines(), start=1):
        in_code ^= line.startswith("```")
        if len(line) > CHARACTERS_A_LINE and not in_code and not line.lstrip().startswith("|"):
            numbers.append(number)
    return numbers


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_a_document_names_exists(document: Path) -> None:
    """Tests, files and modules of the code, and relative links."""
    text = document.read_text(encoding="utf-8")
    assert missing_tests(text, all_tests()) == []
    assert missing_files(text) == []
    assert missing_modules(text) == []
    assert missing_targets(text) == []
    assert missing_links(document, text) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_document_has_no_long_lines(document: Path) -> None:
    """So that a change of a sentence is a short diff."""
    assert long_lines(document.read_text(encoding="utf-8")) == []


def test_every_name_of_the_code_that_a_document_has_is_in_the_code() -> None:
    """The changelog may also have names that are gone."""
    words = words_of_code()
    for document in DOCUMENTS:
        if document.name != "CHANGELOG.md":
            assert unknown_words(document.read_text(encoding="utf-8"), words) == [], document


def test_the_checks_find_what_is_missing() -> None:
    """A name that does not exist is found, in each of the forms in which documents name things."""
    assert missing_tests("`test_gone`, tests/gone/test_gone.py", {"test_here"}) == ["test_gone"]
    assert unknown_words("`job_failed` `gone_word` `ich`", {"job_failed"}) == ["gone_word"]
    assert missing_files("`ich_node/gone.py`, `ich_node/errors.py`") == ["ich_node/gone.py"]
    assert missing_files("analyse/loop.py, deliver/gone.py") == ["deliver/gone.py"]
    assert missing_modules("`python -m benchmarks.gone`, `tests.chaos`") == ["benchmarks.gone"]
    assert missing_targets("`make gone`, `make check`\nmake gone-too   # it") == [
        "gone",
        "gone-too",
    ]
    readme = REPOSITORY / "README.md"
    links = "[a](docs/gone.md) [b](docs/performance.md#gone) [c](docs/performance.md#receiving)"
    assert missing_links(readme, links) == ["docs/gone.md", "docs/performance.md#gone"]
    assert long_lines("x" * 141 + "\n```\n" + "x" * 141 + "\n```\n| " + "x" * 141) == [1]


def test_every_refusal_has_its_row_and_every_row_its_test():
    """docs/refusals.md: its first table has a row per reason code, each with tests that exist."""
    table = rows(REPOSITORY / "docs" / "refusals.md", before="## ")
    assert sorted(row[0].strip("`") for row in table) == sorted(
        refusal.reason for refusal in Refusal.__subclasses__()
    )
    assert all("`test_" in row[-1] for row in table)


def test_every_warning_has_its_row_and_every_row_its_test():
    """docs/warnings.md: one row per kind of SeriesWarning, each naming a test."""
    table = rows(REPOSITORY / "docs" / "warnings.md")
    kinds = {
        kind
        for path in (REPOSITORY / "ich_node").rglob("*.py")
        for kind in re.findall(r'SeriesWarning\(\s*kind="(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert sorted(row[0].strip("`") for row in table) == sorted(kinds)
    assert all("`test_" in row[-1] for row in table)


def test_every_c_store_status_has_its_test():
    """docs/c-store-status.md names tests that exist, one at least in every row."""
    table = rows(REPOSITORY / "docs" / "c-store-status.md")
    assert table
    assert all("`test_" in " ".join(row) for row in table)


def test_limits_quotes_the_figures_of_the_model():
    """docs/limits.md has no figure of the shipped model that docs/model.md has not."""
    figures = {row[0]: row[2] for row in rows(REPOSITORY / "docs" / "model.md") if len(row) > 2}
    table = rows(REPOSITORY / "docs" / "limits.md")
    assert table
    assert table == [[name, figures[name]] for name, _ in table]


def test_config_toml_is_the_defaults(monkeypatch):
    """Every setting at its default: an admin reads there what happens without it."""
    monkeypatch.setenv("ICHNODE_HOME", "/var/lib/ich-node")
    assert load_config(REPOSITORY / "config.toml").config == load_config(None).config


def test_config_toml_names_every_setting():
    """Also the ones that have no value by default."""
    text = (REPOSITORY / "config.toml").read_text(encoding="utf-8")
    for section, field in Config.model_fields.items():
        model = field.annotation
        if hasattr(model, "model_fields"):
            assert f"[{section}]" in text
            assert all(f"{name} = " in text for name in model.model_fields)
        else:
            assert f"[[{section}]]" in text


def test_every_target_of_make_says_what_it_does() -> None:
    """`make help` prints it."""
    targets = targets_of_make()
    assert {"help", "check", "test", "packages-test"} <= set(targets)
    assert [name for name, line in targets.items() if not line] == []


def test_every_room_is_in_the_map_of_contributing() -> None:
    """And what the map names is there."""
    contributing = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = contributing.split("\nich_node/\n")[1].split("\nmonitoring/")[0]
    named = {
        name.removesuffix("/")
        for line in re.findall(r"^├── ([^\s,]+(?:, [^\s,]+)*)|^└── (\S+)", drawn, re.MULTILINE)
        for name in "".join(line).split(", ")
    }
    code = REPOSITORY / "ich_node"
    rooms = {path.parent.name for path in code.glob("*/__init__.py")}
    files = {path.name for path in code.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert named == rooms | files


def test_the_walk_of_the_readme_follows_the_map_of_contributing():
    """The rooms in their order; every other name is a class, or a word of the glossary."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    contributing = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    walk = readme.split("## The walk")[1].split("Names in `code`")[0]
    rooms = re.findall(r"^├── (\w+)\S*\s+\d+ ", contributing, re.MULTILINE)
    assert rooms
    assert re.findall(r"`(\w+)`", walk) == rooms
    code = "\n".join(path.read_text() for path in (REPOSITORY / "ich_node").rglob("*.py"))
    known = {*re.findall(r"^class (\w+)", code, re.MULTILINE), *glossary(contributing)}
    names = re.findall(r"\*\*(\w+)\*\*", walk)
    assert names
    assert [name for name in names if not {name, name.removesuffix("s")} & known] == []


def glossary(contributing: str) -> set[str]:
    table = contributing.split("## Glossary")[1]
    return {
        word
        for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
        for word in re.split(r",\s*", row)
    }
