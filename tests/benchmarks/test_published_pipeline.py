"""What stands between the published networks; the networks themselves need the extra "train"."""

from __future__ import annotations

import numpy as np
import published_pipeline as published
import pytest


def test_the_box_holds_the_mask_or_everything() -> None:
    mask = np.zeros((11, 13), np.uint8)
    assert mask[published.box(mask)].shape == (11, 13)
    mask[3:5, 6:9] = 1
    assert published.box(mask) == (slice(3, 5), slice(6, 9))


def test_stand_ins_for_lungs_are_two_and_of_the_size_of_lungs() -> None:
    lungs = published._plausible(np.zeros((512, 512), np.float32))
    assert 0.2 < lungs.mean() < 0.4
    assert lungs[:, 256].sum() == 0
    assert lungs[:, :256].sum() > 6000 < lungs[:, 256:].sum()


@pytest.mark.train
def test_small_blobs_go_and_large_ones_stay() -> None:
    pytest.importorskip("cv2")
    mask = np.zeros((256, 256), np.uint8)
    mask[20:120, 20:120] = 1
    mask[200:210, 200:210] = 1
    kept = published.filtered(mask.copy())
    assert kept[70, 70] == 1
    assert kept[205, 205] == 0


@pytest.mark.train
def test_six_zones_count_where_lesions_cover_more_than_half() -> None:
    pytest.importorskip("cv2")
    lungs = np.zeros((90, 80), np.uint8)
    lungs[:, 5:35] = lungs[:, 45:75] = 1
    lesions = np.zeros_like(lungs)
    assert published.six_zone(lungs, lesions) == 0
    lesions[60:90, 5:35] = 1
    lesions[0:14, 45:75] = 1
    assert published.six_zone(lungs, lesions) == 1
    assert published.six_zone(lungs, lungs) == 6
