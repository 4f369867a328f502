"""What all commands have in common: --config at any place, suggestions, and whole help texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ich_node.cli import app
from tests.support.command_line import ich_node


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("[scp]\nport = 11412\n")
    return path


def test_config_is_taken_at_any_place(config):
    """Before and after the verb, and between a group and its command."""
    for words in (
        ("--config", config, "check-config"),
        ("check-config", "--config", config),
        ("--config", "other.toml", "check-config", f"--config={config}"),
    ):
        assert "on 0.0.0.0:11412" in ich_node(*words).stdout
    for words in (("jobs", "--config", config, "list"), ("jobs", "list", "--config", config)):
        assert f"no ledger at {config.parent}" in ich_node(*words).stderr


def test_the_conformance_statement_is_of_this_node(config):
    """With a configuration, of its values and peers; without one, of the program."""
    with config.open("a") as file:
        file.write('[[sources]]\nname = "ct"\nae_title = "CT1"\nhosts = ["10.0.0.1"]\n')
    said = ich_node("--config", config, "conformance").stdout
    assert "Application entity: `ICHNODE` (`[scp] ae_title`), port 11412" in said
    assert "| `[scp]` | `port` | `11112` | `11412` |" in said
    assert "| `CT1` | 10.0.0.1 | may send |" in said


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("job", "list"), "jobs"),
        (("jobs", "lst"), "list"),
        (("model", "activat"), "activate"),
        (("trian",), "train"),
        (("jobs", "list", "--limt", "1"), "--limit"),
    ],
)
def test_a_wrong_verb_suggests_the_near_one(words, near):
    """At every level, and for commands of other packages."""
    done = ich_node(*words)
    assert done.exit_code == 2
    assert f"No such {'option' if '--limt' in words else 'command'}" in done.stderr
    assert near in done.stderr


def every_command(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from every_command(command.commands[name], *words, name)


def plain(text: str) -> str:
    return " ".join(text.replace("\\[", "[").replace("│", " ").split())


def test_help_shows_every_word_that_is_written(monkeypatch):
    """The names of sections stand in square brackets, which rich takes for markup."""
    monkeypatch.setenv("COLUMNS", "400")
    with_brackets = 0
    for words, command in every_command(typer.main.get_command(app)):
        texts = [each.help for each in (command, *command.params) if getattr(each, "help", None)]
        if not any("[" in text for text in texts):
            continue
        printed = plain(ich_node(*words, "--help").stdout)
        for text in texts:
            with_brackets += "[" in text
            assert plain(text) in printed, words
    assert with_brackets


def test_help_breaks_lines_at_the_width_of_the_terminal_only():
    """Not where the code does."""
    for words, command in every_command(typer.main.get_command(app)):
        for paragraph in (command.help or "").split("\n\n"):
            assert "\n" not in paragraph, words


def test_help_shows_every_command_in_a_group() -> None:
    """Those that a person looks for first stand first; a name that is gone is gone there, too."""
    from ich_node.cli import app
    from ich_node.cli.groups import GROUPS, ORDER

    printed = plain(ich_node("--help").stdout)
    places = [printed.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places)
    assert "─ Commands ─" not in printed
    names = {each.name or each.callback.__name__ for each in app.registered_commands}
    assert {"install-service", "run"} <= names
    assert len(ORDER) == len(set(ORDER))
