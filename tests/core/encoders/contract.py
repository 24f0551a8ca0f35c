"""What every encoder must do, whatever it is made of. Each encoder's test file calls :func:`check_contract`."""

import io

import numpy as np
import pytest
from PIL import Image

from core.encoders.protocol import Encoder
from core.errors import ModelError, PictureError

TEXTS = [
    "a dog runs on the beach",
    "",
    "the price of oil fell again",
    "猫が好き",
    "word " * 600,
    "a\0b \ud800 <b>bold</b> \u202e",
    "A dog is running along the shore",
]

SAME_COSINE = 0.999
"""Beside others in a batch a text is padded, and bfloat16, where the processor has it, rounds to three digits."""


def picture(colour, format="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, format)
    return buffer.getvalue()


def check_contract(encoder, folder):
    assert isinstance(encoder, Encoder)
    assert encoder.space.metric == "ip"
    assert encoder.space.model_id
    assert encoder.modalities <= {"text", "picture"}
    for encode in (encoder.encode_queries, encoder.encode_documents):
        vectors = encode(TEXTS)
        _check_vectors(vectors, len(TEXTS), encoder.space.dim)
        _check_vectors(encode([]), 0, encoder.space.dim)
        assert np.array_equal(encode(tuple(TEXTS)), vectors)
        for index in range(len(TEXTS)):
            assert encode([TEXTS[index]])[0] @ vectors[index] > SAME_COSINE
    documents = encoder.encode_documents(TEXTS)
    assert documents[0] @ documents[6] > documents[0] @ documents[2]
    if "picture" in encoder.modalities:
        _check_pictures(encoder, folder)
    else:
        with pytest.raises(ModelError):
            encoder.encode_pictures([picture("red")])


def _check_pictures(encoder, folder):
    path = folder / "blue.jpg"
    path.write_bytes(picture("blue", "JPEG"))
    inputs = [picture("red"), path, picture("red")]
    vectors = encoder.encode_pictures(inputs)
    _check_vectors(vectors, 3, encoder.space.dim)
    _check_vectors(encoder.encode_pictures([]), 0, encoder.space.dim)
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-4)
    assert encoder.encode_pictures([path])[0] @ vectors[1] > SAME_COSINE
    assert abs(vectors[0] @ vectors[1]) < 0.9999
    with pytest.raises(PictureError):
        encoder.encode_pictures([picture("red"), b"not a picture"])


def _check_vectors(vectors, count, dim):
    assert vectors.shape == (count, dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
