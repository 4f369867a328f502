"""Settings of earlier versions: a configuration that has one still loads, and says so."""

from pathlib import Path
from types import MappingProxyType

import pytest
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.config import removed
from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.config.removed import REMOVED_SETTINGS, RemovedSetting
from ich_node.errors import ConfigError

PROCESSES = REMOVED_SETTINGS[0]
OLD = "[scp]\nport = 4000\nprocesses = 2\n"


@pytest.fixture
def old_config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(OLD)
    return path


@pytest.mark.parametrize("setting", REMOVED_SETTINGS, ids=lambda each: each.key)
def test_no_removed_setting_exists(setting: RemovedSetting) -> None:
    """It would be ignored without a word."""
    assert setting.key not in Config.model_fields[setting.section].annotation.model_fields


def test_a_removed_setting_is_ignored_and_reported(old_config: Path) -> None:
    loaded = load_config(old_config)
    assert loaded.removed == (PROCESSES,)
    assert loaded.config.scp.port == 4000


def test_a_removed_setting_in_the_environment_is_ignored_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ICHNODE__SCP__PROCESSES", "2")
    monkeypatch.setenv("ICHNODE__SCP__PORT", "4001")
    loaded = load_config(None)
    assert loaded.removed == (PROCESSES,)
    assert loaded.config.scp.port == 4001


def test_the_same_key_in_another_section_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[tls]\nprocesses = 2\n")
    with pytest.raises(ConfigError, match=r"\[tls\] has no setting 'processes'"):
        load_config(tmp_path / "config.toml")


def test_a_section_that_is_no_table_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("scp = 1\n")
    with pytest.raises(ConfigError, match="scp: Input should be a valid dictionary"):
        load_config(tmp_path / "config.toml")


def test_a_configuration_without_removed_settings_reports_none() -> None:
    assert load_config(None).removed == ()


def test_another_line_of_the_table_is_all_that_another_setting_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For a setting that goes: the mechanism knows none of them by name."""
    gone = RemovedSetting(section="spool", key="colour", since="9.0.0", advice="delete the line")
    monkeypatch.setattr(removed, "REMOVED_SETTINGS", (gone,))
    path = tmp_path / "config.toml"
    path.write_text("[spool]\ncolour = 'blue'\nretention_days = 1\n")
    loaded = load_config(path)
    assert loaded.removed == (gone,)
    assert loaded.config.spool.retention_days == 1
    assert str(gone) == "[spool] colour has no effect since version 9.0.0: delete the line"


def test_the_values_that_were_read_are_not_changed() -> None:
    scp = MappingProxyType({"port": 4000, "processes": 2})
    assert removed.without_removed_settings(MappingProxyType({"scp": scp})) == {
        "scp": {"port": 4000}
    }


def test_check_config_prints_a_warning(old_config: Path) -> None:
    done = CliRunner().invoke(app, ["--config", str(old_config), "check-config"])
    assert done.exit_code == 0
    assert f"WARNING: {PROCESSES}" in done.output.splitlines()
