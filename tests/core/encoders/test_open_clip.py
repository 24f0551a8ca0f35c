"""A small open_clip model, saved here and loaded through the path that every other takes."""

import json

import numpy as np
import pytest
from PIL import Image

from core.encoders.open_clip_encoder import load_open_clip
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import ModelError, PictureError
from core.settings import Settings

CONFIG = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    declare_torchvision_operators()
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("open_clip")
    (folder / "test-tiny.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    torch.manual_seed(3)
    model = open_clip.create_model("test-tiny")
    save_file(model.state_dict(), folder / "tiny.safetensors")
    torch.save(model.state_dict(), folder / "tiny.pt")
    return folder


@pytest.fixture(scope="module")
def encoder(checkpoint):
    return load_open_clip(f"open_clip:test-tiny:{checkpoint}/tiny.safetensors", Settings(threads=1))


def test_gives_unit_vectors_of_one_space(encoder, tmp_path):
    Image.new("RGB", (90, 40), "red").save(tmp_path / "red.png")
    texts = encoder.encode_queries(["a red square", "", "\ud83d broken", "long " * 5000])
    pictures = encoder.encode_pictures([tmp_path / "red.png", (tmp_path / "red.png").read_bytes()])
    assert (texts.shape, pictures.shape, texts.dtype) == ((4, 32), (2, 32), np.float32)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([texts, pictures]), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-6)
    assert encoder.encode_documents([]).shape == (0, 32)
    assert (encoder.space.name, encoder.space.dim) == ("dual", 32)


def test_both_kinds_of_file_hold_the_same_model(encoder, checkpoint):
    other = load_open_clip(f"open_clip:test-tiny:{checkpoint}/tiny.pt", Settings(threads=1))
    texts = ["one", "two"]
    np.testing.assert_allclose(other.encode_queries(texts), encoder.encode_queries(texts), atol=1e-6)
    assert other.space.model_id != encoder.space.model_id  # another file: nobody has compared the weights


def test_a_picture_that_is_none(encoder):
    with pytest.raises(PictureError):
        encoder.encode_pictures([b"nothing"])


def test_what_can_not_be_loaded_is_named(checkpoint, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes((checkpoint / "tiny.safetensors").read_bytes()[:5000])
    (tmp_path / "evil.pt").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    for setting, words in [
        ("open_clip:ViT-B-32", "MODEL:CHECKPOINT"),
        ("open_clip:no-such-model:openai", "no-such-model"),
        ("open_clip:ViT-B-32:no-such-tag", "no-such-tag"),
        (f"open_clip:test-tiny:{tmp_path}/cut.safetensors", "cut.safetensors"),
        (f"open_clip:test-tiny:{tmp_path}/evil.pt", "evil.pt"),
        (f"open_clip:ViT-B-32:{checkpoint}/tiny.safetensors", "tiny.safetensors"),
    ]:
        with pytest.raises(ModelError, match=words):
            load_open_clip(setting, Settings(threads=1))


def test_without_a_network_the_message_says_what_to_do(monkeypatch):
    declare_torchvision_operators()
    import open_clip

    def refuse(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr(open_clip, "create_model_and_transforms", refuse)
    with pytest.raises(ModelError, match="Without a network") as caught:
        load_open_clip("open_clip:ViT-B-32:laion2b_s34b_b79k", Settings(threads=1))
    assert "not known" in str(caught.value)
