from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.datasets.audit import duplicates
from hilum.datasets.audit.duplicates import near_duplicates
from hilum.datasets.audit.fingerprint import BITS, SIDE, Fingerprint, fingerprint, hash_bits, likeness, ranks, variants

from .conftest import film


def made(array: np.ndarray) -> Fingerprint:
    found = fingerprint(array, is_framed=True)
    assert found is not None
    return found


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_variants_are_the_hashes_of_the_mirrored_and_inverted_picture(seed: int) -> None:
    small = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    found = variants(hash_bits(small))
    assert (found["mirrored"] == hash_bits(small[:, ::-1])).mean() > 0.99
    assert (found["inverted"] == hash_bits(255 - small)).mean() > 0.99
    assert (found["mirrored and inverted"] == hash_bits(255 - small[:, ::-1])).mean() > 0.99


@given(st.integers(0, 1000), st.floats(0.5, 2.0), st.integers(40, 300))
@settings(max_examples=10, deadline=None)
def test_size_and_contrast_do_not_matter(seed: int, gamma: float, side: int) -> None:
    picture = film(seed)
    other = (255 * (picture / 255) ** gamma).astype(np.uint8)
    other = np.asarray(Picture.fromarray(other).resize((side, side + 7), Picture.Resampling.BILINEAR))
    a, b = made(picture), made(other)
    assert np.count_nonzero(a.bits ^ b.bits) < duplicates.FURTHEST
    assert likeness(a.small, b.small) > duplicates.ALIKE


def test_a_black_border_does_not_matter() -> None:
    picture = film(3)
    a, b = made(picture), made(np.pad(picture, ((0, 20), (30, 5))))
    assert np.count_nonzero(a.bits ^ b.bits) < 20
    framed = fingerprint(np.pad(picture, ((0, 20), (30, 5))), is_framed=False)
    assert framed is not None
    assert np.count_nonzero(a.bits ^ framed.bits) > 60


def test_pictures_without_anything_have_no_fingerprint() -> None:
    assert fingerprint(np.full((30, 40), 7, np.uint8), is_framed=True) is None
    assert fingerprint(np.full((30, 40), np.nan, np.float32), is_framed=True) is None
    assert fingerprint(np.arange(21).reshape(7, 3), is_framed=True) is None


def test_deep_grey_levels_and_hounsfield_units_are_taken() -> None:
    picture = film(4)
    assert np.count_nonzero(made(picture).bits ^ made(picture.astype(np.int16) * 10 - 1000).bits) == 0
    assert np.count_nonzero(made(picture).bits ^ made(picture.astype(np.uint16) * 257).bits) == 0


def test_ranks_are_shares() -> None:
    assert ranks(np.array([[0, 9], [9, 200]], np.uint8)).tolist() == [[32, 128], [128, 223]]


def test_copies_are_found_among_strangers_and_strangers_are_not() -> None:
    strangers = [made(film(seed)) for seed in range(60)]
    assert list(near_duplicates(strangers)) == []
    prints = [*strangers, made(film(7)[:, ::-1]), made(255 - film(8)), None, made(film(9)[1:, 1:])]
    assert [(p.first, p.second, p.variant) for p in near_duplicates(prints)] == [
        (7, 60, "mirrored"),
        (8, 61, "inverted"),
        (9, 63, ""),
    ]


def test_bands_find_what_comparing_all_finds() -> None:
    generator = np.random.default_rng(0)
    base = generator.random((30, BITS)) < 0.5
    near = base.copy()
    for row, changed in zip(near, range(30), strict=True):
        row[generator.permutation(BITS)[:changed]] ^= True
    bits = np.concatenate([base, near])
    found = {(a, b) for variant, a, b, _ in duplicates._candidates(bits) if not variant}
    all_pairs = {
        (a, b) for a, b in combinations(range(60), 2) if np.count_nonzero(bits[a] ^ bits[b]) < duplicates.BANDS
    }
    assert len(all_pairs) == duplicates.BANDS
    assert all_pairs <= found
    assert {(n, n + 30) for n in range(26)} <= found


def test_a_crowd_of_equal_hashes_is_passed_over(monkeypatch) -> None:
    monkeypatch.setattr(duplicates, "CROWD", 3)
    one = made(film(1))
    assert len(list(near_duplicates([one] * 3))) == 3
    assert list(near_duplicates([one] * 4)) == []
    assert list(near_duplicates([one])) == []
