from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.evaluation.pictures import (
    ADDED,
    MISSED,
    OPACITY,
    RIGHT,
    STRIP_PX,
    Tile,
    confusion,
    row_of,
    sheet_of,
    tinted,
    write_flight,
)

GREY = np.full((11, 13), 100, np.uint8)


def _mask(*columns: int) -> np.ndarray:
    made = np.zeros(GREY.shape, dtype=bool)
    made[:, list(columns)] = True
    return made


def _mixed(colour):
    return [round(100 * (1 - OPACITY) + OPACITY * part) for part in colour]


def test_right_is_green_added_is_red_and_missed_is_blue():
    made = confusion(GREY, _mask(1, 2), _mask(2, 3))
    assert [made[5, column].tolist() for column in (1, 2, 3)] == [_mixed(MISSED), _mixed(RIGHT), _mixed(ADDED)]
    assert made[5, 4].tolist() == [100, 100, 100]
    assert tinted(GREY, _mask(1), ADDED)[0, 1].tolist() == _mixed(ADDED)


def test_tiles_stand_side_by_side_at_one_height():
    wide = np.zeros((10, 20, 3), np.uint8)
    tall = np.zeros((20, 10, 3), np.uint8)
    made = row_of((Tile(wide, "a"), Tile(tall, "b")), height=40)
    assert made.shape == (40 + STRIP_PX, 80 + 20, 3)
    assert made[:STRIP_PX].any()
    assert sheet_of((made, made[:, :50])).shape[1] == 100


def test_a_flight_has_a_frame_for_each_slice(tmp_path: Path):
    volume = np.random.default_rng(0).integers(0, 255, (5, 11, 13)).astype(np.uint8)
    mask = np.zeros(volume.shape, dtype=bool)
    mask[2, 3:6, 3:6] = True
    write_flight(volume, mask, ~mask, tmp_path / "f.gif", height=44)
    with Picture.open(tmp_path / "f.gif") as made:
        assert made.n_frames == 5
        assert made.size == (3 * 52, 44 + STRIP_PX)
        assert made.info["duration"] == pytest.approx(50)
