"""The checks of `make check` find what they are there for."""

from pathlib import Path

import pytest

from tests.project.check_code import classes_of_one_name, verdicts_on_speed

HERE = Path("test_x.py")

VERDICTS = {
    "a difference": "assert time.monotonic() - began < 2",
    "a name": "took = time.perf_counter() - began\nassert took < 1",
    "a list": "took.append(time.perf_counter() - began)\nassert min(took) < 1",
    "a tuple": "first, spent = 1, time.process_time() - began\nassert spent <= first",
    "a function": "def spent():\n    return time.process_time() - began\nassert max(spent()) < 1",
    "a predicate": "def spent():\n    return time.time() - began\nwait(lambda: spent() < LIMIT)",
    "a per-item time": "assert (time.process_time() - began) / count < 0.2",
}
NO_VERDICTS = {
    "a deadline": "deadline = time.monotonic() + 60\nassert time.monotonic() < deadline",
    "a figure that is printed": "print(time.monotonic() - began)",
    "a time as an argument": "spool.remove(path, last_put=time.time() - 60)\nassert removed == 1",
    "another difference": "assert len(after) - len(before) < 2",
}


@pytest.mark.parametrize("lines", VERDICTS.values(), ids=VERDICTS)
def test_a_verdict_on_speed_is_found(lines: str) -> None:
    """With its file and line."""
    (violation,) = verdicts_on_speed(f"began = time.monotonic()\n{lines}", HERE)
    assert violation.startswith("test_x.py:")


@pytest.mark.parametrize("lines", NO_VERDICTS.values(), ids=NO_VERDICTS)
def test_a_deadline_and_a_figure_are_none(lines: str) -> None:
    """What must happen at all may have a deadline."""
    assert list(verdicts_on_speed(f"began = time.monotonic()\n{lines}", HERE)) == []


def test_a_class_name_that_exists_twice_is_found_at_both_places(tmp_path: Path) -> None:
    """Also in the same file."""
    (tmp_path / "one.py").write_text("class Answer: ...\nclass Other: ...\n")
    (tmp_path / "two.py").write_text("\nclass Answer: ...\n")
    (violation,) = classes_of_one_name(tmp_path)
    assert f"{tmp_path}/one.py:1, {tmp_path}/two.py:2" in violation
    assert "class Answer" in violation
