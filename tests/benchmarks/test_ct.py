from __future__ import annotations

from pathlib import Path

import computed_volumes
import ct
import ct_published
import nibabel
import numpy as np
import pytest
from measure import Spent

TINY = {"coarse": (9, 14, 16)}


def spent(wall_s: float, peak_mb: float, output: str = "") -> Spent:
    return Spent(0.0, wall_s, wall_s, peak_mb, output)


def test_volumes_have_the_size_that_was_asked_for_and_are_the_same_every_time(tmp_path: Path) -> None:
    first = computed_volumes.write_volume(tmp_path / "a.nii", (18, 28, 32), **TINY)
    again = computed_volumes.write_volume(tmp_path / "b.nii", (18, 28, 32), **TINY)
    assert first.read_bytes() == again.read_bytes()
    file = nibabel.load(first)
    array = np.asarray(file.dataobj)
    assert array.shape == (32, 28, 18)
    assert array.dtype == np.int16
    assert nibabel.aff2axcodes(file.affine) == ("L", "P", "S")
    assert file.header.get_zooms() == pytest.approx([380 / 32, 380 / 28, 340 / 18], rel=1e-4)
    assert array.min() < -950
    assert ((array > -950) & (array < -650)).mean() > 0.05  # lung


def test_enlarging_keeps_densities() -> None:
    ramp = np.broadcast_to(np.arange(0, 1000, 100, dtype=np.int16)[:, None, None], (10, 8, 8))
    made = computed_volumes.enlarged(ramp, (19, 16, 16), 1)
    assert made.shape == (19, 16, 16)
    np.testing.assert_allclose(made.mean(axis=(1, 2)), np.linspace(0, 900, 19), atol=5)
    assert made[0].std() == pytest.approx(computed_volumes.NOISE_HU, rel=0.3)


def test_the_long_volume_is_run_only_if_asked_for() -> None:
    assert {trial.shape for trial in ct.trials(is_long=False)} == {ct.USUAL}
    assert [trial.name for trial in ct.trials(is_long=True)] == [
        "512x512x300 standard", "512x512x300 fast", "512x512x1000 fast",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("trial", "seconds", "megabytes", "met"),
    [(0, 30, 3000, True), (0, 30.1, 100, False), (0, 1, 3001, False), (1, 14, 9999, True), (2, 999, 5001, False)],
)
def test_budgets_are_of_time_and_of_memory(trial: int, seconds: float, megabytes: float, met: bool) -> None:
    assert ct.row(ct.TRIALS[trial], spent(seconds, megabytes))["met"] is met


def test_a_run_without_its_files_ends_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "512x512x300-standard" / "case").mkdir(parents=True)
    for name in ct.RESULTS[1:]:
        (tmp_path / "512x512x300-standard" / "case" / name).touch()
    monkeypatch.setattr(ct, "best", lambda command, *, times: spent(1, 1, "alas"))
    with pytest.raises(SystemExit, match=r"left no result\.json:\nalas"):
        ct.run(ct.TRIALS[0], tmp_path / "volume.nii.gz", tmp_path, 1)
    (tmp_path / "512x512x300-standard" / "case" / "result.json").touch()
    assert ct.run(ct.TRIALS[0], tmp_path / "volume.nii.gz", tmp_path, 1).wall_s == 1


def test_the_command_names_the_preset() -> None:
    command = ct.analyse(Path("a.nii.gz"), Path("out"), "fast")
    assert command[-2:] == ["--set", "ct.preset=fast"]
    assert command[3:5] == ["analyse", Path("a.nii.gz")]


def test_what_the_published_network_tells_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = 'a warning\n{"windows": 8, "inference_s": 84.0, "voxels": 7}\n'
    monkeypatch.setattr(ct, "spend", lambda command: spent(90, 4200, told))
    made = ct.published(Path("a.nii.gz"), 2)
    assert (made["network"], made["inference s"], made["peak GB"]) == ("3D U-Net, 8 windows", 84.0, 4.2)


@pytest.mark.train
def test_the_published_network_sees_every_voxel(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai")
    volume = computed_volumes.write_volume(tmp_path / "a.nii", (18, 28, 32), **TINY)
    image = ct_published.prepared(volume)
    assert image.shape == (1, 1, 240, 240, 125)
    assert image.mean().item() == pytest.approx(0, abs=1e-3)
    small = torch.nn.functional.interpolate(image, (24, 24, 20))
    model = ct_published.network(filters=2, depth=2)
    told = ct_published.infer(small, model, window=(16, 16, 8), overlap=(8, 8, 4))
    assert told["windows"] == 2 * 2 * 4
    assert told["voxels"] == 24 * 24 * 20
    with torch.no_grad():
        chances = model(small)
    assert chances.shape == (1, 4, 24, 24, 20)
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(1, 24, 24, 20))


@pytest.mark.train
def test_the_published_network_has_the_published_size() -> None:
    pytest.importorskip("torch")
    model = ct_published.network()
    widths = [block[0].out_channels for block in model.down]
    assert widths == [32, 64, 128, 256, 512]
