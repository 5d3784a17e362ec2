"""Weights in files: what is read of them, and whose they are."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from hilum.errors import ModelMismatch, ReadError  # noqa: E402
from hilum.training.state_dict import load_weights, read_checkpoint, read_state_dict  # noqa: E402

pytestmark = pytest.mark.train


def test_tables_and_prefixes_about_a_state_dict_are_taken_off(tmp_path) -> None:
    torch.save({"state_dict": {"module.a": torch.ones(2)}}, tmp_path / "w.pth")
    assert list(read_state_dict(tmp_path / "w.pth")) == ["a"]


class Harmful:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (open, ("harm-was-done", "w"))


@pytest.mark.parametrize(
    "content", [{"network": Harmful()}, {"a": 1}, [torch.ones(2)], {}], ids=["code", "numbers", "list", "empty"]
)
def test_what_is_no_state_dict_is_refused_and_not_run(content, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelMismatch, match=r"w\.pth"):
        read_state_dict(tmp_path / "w.pth")
    assert not (tmp_path / "harm-was-done").exists()


@pytest.mark.parametrize("content", [b"weights", b"source,case,patient\n", b"N.", b"((((", b"\x80\x02}q\x00."])
def test_a_file_that_is_no_file_of_torch_is_refused(content, tmp_path) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ModelMismatch, match="as a state dict"):
        read_state_dict(tmp_path / "w.pth")


def test_weights_go_into_their_network_and_into_no_other(tmp_path) -> None:
    network, same = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    load_weights(same, tmp_path / "w.pth")
    assert torch.equal(same.weight, network.weight)
    with pytest.raises(
        ModelMismatch, match=r"w\.pth are not of this network\. 1 of 2 tensors have another shape: weight"
    ):
        load_weights(torch.nn.Linear(4, 2), tmp_path / "w.pth")
    with pytest.raises(
        ModelMismatch, match=r"2 of 2 tensors are missing: 0\.weight, 0\.bias\. 2 tensors are unexpected"
    ):
        load_weights(torch.nn.Sequential(network), tmp_path / "w.pth")


@pytest.mark.parametrize("kept", [0, 7, 500])
def test_damaged_weights_are_told_of(kept, tmp_path) -> None:
    network = torch.nn.Linear(13, 11)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:kept])
    with pytest.raises(ModelMismatch, match=r"Cannot read .*w\.pth"):
        load_weights(network, tmp_path / "w.pth")


@pytest.mark.parametrize("kept", [0, 7, 500])
def test_a_damaged_checkpoint_says_what_to_do(kept, tmp_path) -> None:
    file = tmp_path / "last.ckpt"
    torch.save({"state_dict": torch.nn.Linear(13, 11).state_dict(), "epoch": 3}, file)
    assert read_checkpoint(file)["epoch"] == 3
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ReadError, match=r"last\.ckpt'.* damaged; remove it to begin anew"):
        read_checkpoint(file)
