"""Texts and pictures a second through the encoders, against the bare models in the same run, as one JSON line.

The bare text model is sentence-transformers' ``encode`` at its default batch; the bare picture model is timm's
network on pixels that are already decoded. ``python -m tests.bench.encoding``
"""

import io
import itertools
import json
import random
import statistics
import time

import numpy as np
import torch
from PIL import Image

from core.encoders.efficientnet_lite import BATCH, SIDE
from core.encoders.loading import load_encoder
from core.encoders.minilm import MAX_TOKENS
from core.encoders.packaged_weights import LITE2_FILE, LITE2_PACKAGE, MINILM_FOLDER, MINILM_PACKAGE, package_folder
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.settings import Settings

TEXTS, PICTURES, QUERIES = 400, 64, 20


def main():
    settings = Settings()
    text, dual = load_encoder("text", settings), load_encoder("dual", settings)
    texts, pictures = posts(), photographs()
    bare_texts, bare_pictures = bare_text_model(), bare_picture_model()
    numbers = itertools.count()
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, SIDE, SIDE, 3), dtype=np.uint8)
    figures = {
        "texts_per_s": per_second(lambda: text.encode_documents(texts), TEXTS),
        "bare_texts_per_s": per_second(lambda: bare_texts(texts), TEXTS),
        "pictures_per_s": per_second(lambda: dual.encode_pictures(pictures), PICTURES),
        "bare_pictures_per_s": per_second(lambda: bare_pictures(pixels), PICTURES),
        # Each query is another one: an answer that is kept costs nothing.
        "text_query_p50_ms": p50_ms(lambda: text.encode_queries([f"a cat on sofa {next(numbers)}"])),
        "words_for_pictures_p50_ms": p50_ms(lambda: dual.encode_queries([f"a cat on sofa {next(numbers)}"])),
        "picture_query_p50_ms": p50_ms(lambda: dual.encode_pictures(pictures[:1])),
    }
    figures["texts_ratio"] = figures["texts_per_s"] / figures["bare_texts_per_s"]
    figures["pictures_ratio"] = figures["pictures_per_s"] / figures["bare_pictures_per_s"]
    said = {"text": text.describe(), "dual": dual.describe()}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()} | said))


def posts():
    """Texts as long as Reddit's posts: many short, a few very long; words of a small list."""
    rng = random.Random(0)
    words = ["the", "a", "people", "of", "cat", "new", "why", "in", "house", "game", "to", "what", "Tuesday", "price"]
    return [" ".join(rng.choices(words, k=max(2, round(rng.lognormvariate(2.9, 1.0))))) for _ in range(TEXTS)]


def photographs(seed=0):
    """JPEG files of 800 x 600 pixels."""
    rng = np.random.default_rng(seed)
    files = []
    for _ in range(PICTURES):
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((800, 600), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        files.append(buffer.getvalue())
    return files


def bare_text_model():
    declare_torchvision_operators()
    from sentence_transformers import SentenceTransformer

    folder = package_folder(MINILM_PACKAGE) / MINILM_FOLDER
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = MAX_TOKENS
    return lambda texts: model.encode(texts, show_progress_bar=False)


def bare_picture_model():
    declare_torchvision_operators()
    import timm

    model = timm.create_model("tf_efficientnet_lite2", pretrained=False, num_classes=1000)
    state = torch.load(package_folder(LITE2_PACKAGE) / LITE2_FILE, weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    model.reset_classifier(0)
    model.eval()

    def features(pixels):
        with torch.inference_mode():
            for start in range(0, len(pixels), BATCH):
                model((torch.from_numpy(pixels[start : start + BATCH]).permute(0, 3, 1, 2).float() - 127) / 128)

    return features


def per_second(work, count):
    """The better of two runs: the machine does other things as well."""
    return count / min(seconds(work) for _ in range(2))


def p50_ms(work):
    work()
    return 1000 * statistics.median(seconds(work) for _ in range(QUERIES))


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
