from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.database.vectors import ensure_space
from core.encoders import dual, dual_heads
from core.encoders.dual import load_dual_encoder
from core.encoders.dual_heads import (
    FORMAT,
    ID_PREFIX,
    HeadsInfo,
    head_shapes,
    load_heads,
    put_beside,
    read_dual_id,
    save_heads,
)
from core.encoders.e5 import E5_ID
from core.encoders.efficientnet_lite import SIDE, EfficientNetLite2, apply_tail, load_efficientnet_lite2, to_pixels
from core.encoders.loading import PACKAGED_DUAL, dual_model_id, load_encoder
from core.encoders.minilm import load_minilm
from core.encoders.packaged_weights import LITE2_FILE, LITE2_PACKAGE, package_folder
from core.encoders.precision import Compute
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import ModelError
from core.settings import Settings
from core.types import Space
from tests.core.encoders.contract import TEXTS, check_contract

PLAIN = HeadsInfo(dim=8, width=16)


def random_heads(info):
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(shape, generator=generator) for name, shape in head_shapes(info).items()}
    return {name: tensor.abs() + 1 if name.endswith("scale") else tensor for name, tensor in weights.items()}


@pytest.fixture(scope="module")
def packaged():
    return load_encoder("dual", Settings(threads=1))


def test_packaged_keeps_the_contract(packaged, tmp_path):
    check_contract(packaged, tmp_path)
    assert packaged.space.dim == 512
    assert packaged.describe().startswith(packaged.space.model_id)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_heads_beside_make_the_mean_of_both_cosines(tmp_path, share):
    """Own tail and packaged tail: the cosine is the weighted mean of those that each pair of heads gives alone."""
    tail = {name: tensor * 1.05 for name, tensor in load_efficientnet_lite2().tail.items()}
    info = HeadsInfo(dim=8, width=16, tuned=True)
    weights = random_heads(HeadsInfo(dim=8, width=16)) | tail
    plain = {name: -tensor if name.endswith("up") else tensor for name, tensor in random_heads(PLAIN).items()}
    save_heads(tmp_path / "tuned.safetensors", weights, info)
    save_heads(tmp_path / "plain.safetensors", plain, PLAIN)
    both = put_beside(*load_heads(tmp_path / "tuned.safetensors"), tmp_path / "plain.safetensors", share)
    save_heads(tmp_path / "both.safetensors", *both)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{number}.png")
    pictures = [tmp_path / "0.png", tmp_path / "1.png"]

    def cosines(name):
        encoder = load_dual_encoder(tmp_path / f"{name}.safetensors", Settings(threads=1))
        assert encoder.encode_pictures([]).shape == (0, encoder.space.dim)
        return encoder.encode_queries(["a dog", "rain"]) @ encoder.encode_pictures(pictures).T

    np.testing.assert_allclose(cosines("both"), (1 - share) * cosines("tuned") + share * cosines("plain"), atol=1e-5)
    with pytest.raises(ModelError, match=r"tuned\.safetensors does not fit beside"):
        put_beside(*both, tmp_path / "tuned.safetensors")


def test_sentence_vectors_need_not_be_made_twice(packaged):
    vectors = load_minilm().encode(TEXTS)
    np.testing.assert_allclose(packaged.encode_sentence_vectors(vectors), packaged.encode_queries(TEXTS), atol=1e-6)


def test_the_backbone_is_timms(tmp_path):
    """The network written out in core gives the features of timm's, which has the same layers under other names."""
    declare_torchvision_operators()
    import timm

    path = package_folder(LITE2_PACKAGE) / LITE2_FILE
    state = torch.load(path, weights_only=True)
    reference = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    reference.load_state_dict(dict(zip(reference.state_dict(), state.values(), strict=True)))
    reference.reset_classifier(0)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    with torch.inference_mode():
        inputs = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
        expected = reference.eval()(inputs).numpy()
    found = EfficientNetLite2(path, Compute()).features(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for number_format in ("bfloat16", "float16"):
        quick = EfficientNetLite2(path, Compute("cpu", number_format)).features(pixels)
        cosines = (quick * found).sum(1) / np.linalg.norm(quick, axis=1) / np.linalg.norm(found, axis=1)
        assert cosines.min() > 0.999


def test_the_whole_backbone_is_on_its_device():
    """On a device without memory of its own, where an operation with a tensor left on the CPU fails."""
    backbone = EfficientNetLite2(package_folder(LITE2_PACKAGE) / LITE2_FILE, Compute("meta", "float16"))
    hidden = backbone._trunk(np.zeros((1, SIDE, SIDE, 3), np.uint8)).permute(0, 2, 3, 1)
    assert apply_tail(backbone.placed(backbone.tail), hidden).device.type == "meta"
    assert backbone.tail["tail.head.weight"].device.type == "cpu"


def test_other_weights_are_not_the_backbone(tmp_path):
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth is not EfficientNet-Lite2: it has no layer _conv_stem"):
        EfficientNetLite2(tmp_path / "other.pth")


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (50, 40)])
def test_any_shape_becomes_a_square(size):
    assert to_pixels(Image.new("RGB", size, (9, 9, 9))).shape == (SIDE, SIDE, 3)


def test_the_middle_of_a_long_picture_is_seen():
    image = Image.new("RGB", (1000, 100), "white")
    image.paste("black", (400, 0, 600, 100))
    assert (to_pixels(image)[:, 2:-2] < 5).all()  # the filter reaches over the edge


def test_heads_come_back_as_they_were_saved(tmp_path):
    info = HeadsInfo(dim=8, width=16)
    weights = random_heads(info)
    save_heads(tmp_path / "heads.safetensors", weights, info)
    found, found_info = load_heads(tmp_path / "heads.safetensors")
    assert found_info == info
    for name, tensor in weights.items():
        torch.testing.assert_close(found[name], tensor, atol=5e-3, rtol=1e-3)  # half precision
    assert [path.name for path in tmp_path.iterdir()] == ["heads.safetensors"]


def test_other_heads_are_another_model(tmp_path):
    info = HeadsInfo(dim=8, width=16)
    save_heads(tmp_path / "heads.safetensors", random_heads(info), info)
    encoder = load_dual_encoder(tmp_path / "heads.safetensors", Settings(threads=1))
    assert encoder.space.dim == 8
    assert encoder.space.model_id != load_encoder("dual", Settings(threads=1)).space.model_id


def test_words_of_many_languages_ask_the_same_space(tmp_path, monkeypatch):
    """With FEEDSCOPE_TEXT=e5 the e5 head reads the words; pictures and the space are the same as without."""

    class Engine:
        def encode(self, texts, *, query):
            return np.tile(np.float32(0.05), (len(texts), 384)) * (1 if query else -1)

    monkeypatch.setattr(dual, "load_e5", Engine)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    for name, info in (("both", replace(PLAIN, languages=E5_ID)), ("english", PLAIN)):
        path = tmp_path / f"{name}.safetensors"
        save_heads(path, random_heads(info), info)
        plain, many = (load_dual_encoder(path, Settings(threads=1, text_model=text)) for text in ("minilm", "e5"))
        assert plain.space == many.space
        shown = [encoder.encode_pictures([tmp_path / "red.png"]) for encoder in (plain, many)]
        np.testing.assert_array_equal(*shown)
        same = np.allclose(plain.encode_queries(["a dog"]), many.encode_queries(["a dog"]))
        assert same == (name == "english")
        assert (many.sentence_model_id == E5_ID) == (name == "both")
        assert ("many languages" in many.describe()) == (name == "both")


def test_heads_of_another_shape(tmp_path):
    info = HeadsInfo(dim=8, width=16)
    weights = random_heads(info)
    weights["picture.up"] = torch.zeros(16, 7)
    save_heads(tmp_path / "heads.safetensors", weights, info)
    with pytest.raises(ModelError, match=r"heads\.safetensors: picture\.up has shape \(16, 7\), expected \(16, 1280\)"):
        load_heads(tmp_path / "heads.safetensors")


def test_heads_with_values_that_are_not_finite(tmp_path):
    info = HeadsInfo(dim=8, width=16)
    weights = random_heads(info)
    weights["text.down_bias"][3] = torch.nan
    save_heads(tmp_path / "heads.safetensors", weights, info)
    with pytest.raises(ModelError, match=r"heads\.safetensors: text\.down_bias holds values that are not finite"):
        load_heads(tmp_path / "heads.safetensors")


@pytest.mark.parametrize("field", ["picture_backbone", "text_backbone", "languages"])
def test_heads_of_another_backbone(tmp_path, field):
    info = HeadsInfo(dim=8, width=16, **{field: "resnet-50"})
    save_heads(tmp_path / "heads.safetensors", random_heads(info), info)
    with pytest.raises(ModelError, match=r"heads\.safetensors was trained on the backbone 'resnet-50'"):
        load_heads(tmp_path / "heads.safetensors")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "not a file of this dual encoder"),
        ({"format": "other"}, "not a file of this dual encoder"),
        ({"format": FORMAT}, "does not say what its weights are"),
        ({"format": FORMAT, "info": "{"}, "does not say what its weights are"),
        ({"format": FORMAT, "info": '{"dim": 8, "width": 16, "more": 1}'}, "does not say what its weights are"),
        ({"format": FORMAT, "info": '{"dim": -8, "width": 16}'}, "dimension of -8"),
        ({"format": FORMAT, "info": '{"dim": 8, "width": 16}'}, "lacks the weights"),
    ],
)
def test_files_that_do_not_say_what_they_are(tmp_path, metadata, reason):
    save_file({"some": torch.zeros(2)}, tmp_path / "heads.safetensors", metadata=metadata)
    with pytest.raises(ModelError, match=rf"heads\.safetensors.*{reason}"):
        load_heads(tmp_path / "heads.safetensors")


def test_heads_cut_short_or_missing(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(PACKAGED_DUAL.read_bytes()[:50_000])
    with pytest.raises(ModelError, match=r"cut\.safetensors is not a whole safetensors file"):
        load_heads(tmp_path / "cut.safetensors")
    with pytest.raises(ModelError, match=r"gone\.safetensors is not there"):
        load_heads(tmp_path / "gone.safetensors")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    info = HeadsInfo(dim=8, width=16)
    path = tmp_path / "heads.safetensors"
    save_heads(path, random_heads(info), info)
    before = path.read_bytes()

    def full(*_args):
        raise OSError("no space left")

    monkeypatch.setattr(dual_heads.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save_heads(path, random_heads(info), info)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["heads.safetensors"]


def test_an_updated_encoder_is_another_space(workspace, packaged):
    """Vectors of an earlier file are left where they are and not searched: the job "index" encodes anew."""
    assert dual_model_id(workspace.settings) == packaged.space.model_id
    for model_id, found in ((packaged.space.model_id, True), ("feedscope-dual-00000000", False)):
        with workspace.transaction() as cursor:
            ensure_space(cursor, Space("dual", model_id, 4))
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('model:dual:default', ?)", [model_id])
        assert (workspace.indexes.space("dual") is not None) == found
    assert dual_model_id(replace(workspace.settings, dual_model="open_clip:ViT-B-32:x")) is None


def test_a_head_for_languages_makes_no_other_space(tmp_path):
    """Its pictures stay where they are, so that a workspace need not encode them anew."""
    save_heads(tmp_path / "plain.safetensors", random_heads(PLAIN), PLAIN)
    before = read_dual_id(tmp_path / "plain.safetensors")
    for number in range(2):
        info = replace(PLAIN, languages=E5_ID, space=before.removeprefix(ID_PREFIX))
        path = tmp_path / f"{number}.safetensors"
        save_heads(path, random_heads(info) | {"e5.skip": torch.full((8, 384), float(number))}, info)
        assert read_dual_id(path) == load_dual_encoder(path, Settings(threads=1)).space.model_id == before
    save_heads(path, random_heads(PLAIN), replace(PLAIN, space="../x"))
    with pytest.raises(ModelError, match=r"names '\.\./x' as its space"):
        load_heads(path)
    assert dual_model_id(Settings(dual_model=str(path))) is None
