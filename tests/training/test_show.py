"""`ich-node train show`, as an admin calls it."""

import numpy as np
import pytest
from PIL import Image

from ich_node.errors import ConfigError
from tests.support.training.short_runs import TRAINING
from training.errors import DataError


def test_show_draws_slices_and_says_what(pools, tmp_path, call):
    """As many as asked for; blood has an outline; what is printed is where it lies and how much."""
    picture = tmp_path / "sheet.png"
    answer = call("train", "show", pools[0], "--out", picture, "--slices", "12")
    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"{picture}: 12 slices of {pools[0]}, ")
    rgb_YXC = np.asarray(Image.open(picture))
    assert rgb_YXC.shape == (2 * 270, 8 * 256, 3)
    red_YX = (rgb_YXC == (255, 70, 70)).all(axis=2)
    assert red_YX.any() == ("0 of them" not in answer.stdout)


def test_show_draws_the_same_slices_again(pools, tmp_path, call):
    """For the same seed; others for another seed; all of a small pool if more are asked for."""
    pictures = [tmp_path / f"{number}.png" for number in range(3)]
    for picture, seed in zip(pictures, (0, 0, 1), strict=True):
        call("train", "show", pools[0], "--out", picture, "--slices", "4", "--seed", str(seed))
    first, again, other = (picture.read_bytes() for picture in pictures)
    assert first == again != other
    answer = call("train", "show", pools[0], "--out", pictures[0], "--slices", "500")
    assert f"{TRAINING} slices of {pools[0]}" in answer.stdout


def test_show_refuses_what_is_no_pool(tmp_path, pools, call):
    """With a sentence: an empty folder, another kind of picture, a folder that is not there."""
    with pytest.raises(DataError, match="holds no pool"):
        call("train", "show", tmp_path, "--out", tmp_path / "sheet.png")
    assert call("train", "show", pools[0], "--out", tmp_path / "sheet.jpg").exit_code == 2
    with pytest.raises(ConfigError, match="cannot write"):
        call("train", "show", pools[0], "--out", tmp_path / "nowhere" / "sheet.png")
