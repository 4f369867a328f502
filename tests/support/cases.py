"""Series as PACS traffic really brings them, where they are at hand: beside the real data."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from pydicom import Dataset

from tests.support.real import FOLDER, real


@cache
def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cases() -> ModuleType:
    """Skips the test where there are none."""
    path = FOLDER.parent / "cases" / "cases.py"
    if not path.exists():
        pytest.skip(f"no cases: {path}")
    real("positive")
    return _module(path)


def case(name: str) -> list[Dataset]:
    """The objects of one series."""
    objects: list[Dataset] = _cases().CASES[name]()
    return objects


def real_head(kind: str, **attributes: object) -> list[Dataset]:
    """The objects of a real head with other header values; None removes one."""
    objects: list[Dataset] = _cases().head(kind, "words", **attributes)
    return objects


def write_case(name: str, out: Path) -> Path:
    """Write the series of the case into `out`; skips the test where there is none."""
    _cases().write(name, out)
    return out
