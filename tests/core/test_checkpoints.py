import torch

from core.checkpoints import read_checkpoint, write_checkpoint

TENSORS = {"weights": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(4)}


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "run" / "checkpoint.safetensors"
    write_checkpoint(path, "a recipe", TENSORS, {"epoch": 2, "curve": [0.5]})
    tensors, about = read_checkpoint(path, "a recipe")
    assert about == {"epoch": 2, "curve": [0.5]}
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_training_begins_afresh_where_there_is_nothing_to_go_on_from(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    assert read_checkpoint(path, "a recipe") is None
    write_checkpoint(path, "a recipe", TENSORS, {})
    assert read_checkpoint(path, "another recipe") is None
    path.write_bytes(path.read_bytes()[:-9])
    assert read_checkpoint(path, "a recipe") is None
    path.write_bytes(b"no checkpoint at all")
    assert read_checkpoint(path, "a recipe") is None
