import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.encoders import minilm, precision
from core.encoders.length_batches import clean_text, length_batches
from core.encoders.loading import load_encoder
from core.encoders.minilm import MiniLM, load_minilm
from core.encoders.packaged_weights import MINILM_FOLDER, MINILM_PACKAGE, package_folder, packaged_file
from core.encoders.precision import Compute, best_compute, number_format
from core.encoders.text import load_text_encoder
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import ModelError, SettingError
from core.settings import Settings
from tests.core.encoders.contract import TEXTS, check_contract

FOLDER = package_folder(MINILM_PACKAGE) / MINILM_FOLDER
FILES = (FOLDER / "model.safetensors", FOLDER / "tokenizer.json")


@pytest.fixture(scope="module")
def packaged():
    return load_encoder("text", Settings(threads=1))


@pytest.fixture(scope="module")
def reference():
    declare_torchvision_operators()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(FOLDER), device="cpu", local_files_only=True)
    model.max_seq_length = minilm.MAX_TOKENS
    return model


def test_packaged_keeps_the_contract(packaged, tmp_path):
    check_contract(packaged, tmp_path)


def test_packaged_gives_the_vectors_of_sentence_transformers(packaged, reference):
    texts = [clean_text(text, 4096) for text in TEXTS] + ["x" * 300, "What a day! 😀 #sunny @friend", "a\n\tb"]
    expected = reference.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    cosines = (packaged.encode_documents(texts) * expected).sum(1)
    assert cosines.min() > (0.99999 if load_minilm().compute.number_format == "float32" else 0.999)


def test_packaged_names_model_and_weights(packaged):
    assert packaged.space.model_id == "all-MiniLM-L6-v2-53aa5117"
    assert packaged.space.dim == 384
    assert packaged.describe().startswith("all-MiniLM-L6-v2-53aa5117, ")


def test_one_model_for_the_process(packaged):
    assert load_minilm() is load_minilm()


@pytest.mark.parametrize("number_format", ["bfloat16", "float16"])
def test_half_precision_gives_nearly_the_same(number_format):
    halved = MiniLM(*FILES, Compute("cpu", number_format))
    cosines = (halved.encode(TEXTS[:4]) * load_minilm().encode(TEXTS[:4])).sum(1)
    assert cosines.min() > 0.999


def test_the_whole_model_is_on_its_device():
    """On a device without memory of its own, where an operation with a tensor left on the CPU fails."""
    model = MiniLM(*FILES, Compute("meta", "float16")).with_layers(load_minilm().layer_state(5))
    hidden, mask = model.hidden(load_minilm().tokens_of(["a dog", "two dogs in the snow"]))
    assert (hidden.device.type, mask.device.type, hidden.dtype) == ("meta", "meta", torch.float16)


def test_a_gpu_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(precision, "has_gpu", lambda: True)
    assert best_compute() == Compute("cuda", "float16")
    assert number_format() == "float16 on the GPU"
    monkeypatch.setattr(precision, "has_gpu", lambda: False)
    for quick, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(precision, "has_fast_bfloat16", lambda quick=quick: quick)
        assert best_compute() == Compute("cpu", expected)
        assert number_format().startswith(expected)


def test_a_megabyte_is_cut(packaged):
    long = "the cat sat on the mat " * 50_000
    np.testing.assert_allclose(packaged.encode_documents([long]), packaged.encode_documents([long[:4096]]), atol=1e-6)


def test_weights_cut_short_are_a_model_error(tmp_path):
    broken = tmp_path / "model.safetensors"
    broken.write_bytes((FOLDER / "model.safetensors").read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"model\.safetensors is not a whole safetensors file"):
        MiniLM(broken, FILES[1])


def test_packaged_weights_are_checked():
    with pytest.raises(ModelError, match=r"not the expected file \(sha256 53aa51172d14"):
        packaged_file(MINILM_PACKAGE, "model/model.safetensors", "0" * 64)
    with pytest.raises(ModelError, match="has no file"):
        packaged_file(MINILM_PACKAGE, "model/other.safetensors", "0" * 64)
    with pytest.raises(ModelError, match="not installed"):
        packaged_file("no_such_package_here", "model.safetensors", "0" * 64)


def test_a_folder_goes_through_sentence_transformers(packaged, tmp_path):
    encoder = load_text_encoder(str(FOLDER))
    check_contract(encoder, tmp_path)
    assert encoder.space.model_id.startswith("model-")
    assert encoder.space.model_id != packaged.space.model_id
    cosines = (encoder.encode_documents(TEXTS[:4]) * packaged.encode_documents(TEXTS[:4])).sum(1)
    assert cosines.min() > 0.999


def test_a_model_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="no-such/model.*could not be downloaded.*FEEDSCOPE_TEXT=minilm"):
        load_text_encoder("no-such/model")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="The folder can't be loaded"):
        load_text_encoder(str(tmp_path))


def test_a_dual_setting_that_names_nothing():
    with pytest.raises(SettingError, match=r"FEEDSCOPE_DUAL='clip' is neither default"):
        load_encoder("dual", Settings(dual_model="clip"))


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 1000))
def test_length_batches_hold_every_text_once_within_the_budget(lengths, tokens):
    batches = list(length_batches(lengths, tokens))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= max(tokens, len(batch))
