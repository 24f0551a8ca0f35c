"""A head for another text encoder's vectors finds the pictures where they are."""

import numpy as np
import torch

from core.dual_training.languages import LanguagesRecipe, Said, train_languages
from core.encoders.dual_heads import HeadsInfo, apply_head, head_shapes, heads_beside, load_heads, save_heads
from core.encoders.e5 import E5_ID
from core.evaluation.retrieval import retrieval_ranks


def test_words_find_pictures_that_stay_where_they_are(tmp_path):
    rng = np.random.default_rng(0)
    info = HeadsInfo(dim=8, width=16, beside=True)
    weights = {name: torch.ones(shape) for name, shape in head_shapes(info).items()}
    shown = [rng.normal(size=(60, 8)).astype(np.float32) for _ in range(2)]
    shown = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in shown]
    picture_of = np.tile(np.arange(60), 3)
    said = np.concatenate(shown, axis=1)[picture_of] @ rng.normal(size=(16, 384)) + 0.1 * rng.normal(size=(180, 384))
    recipe = LanguagesRecipe(epochs=60, batch=30, dropout=0.0)
    steps = []
    trained, told = train_languages(
        weights, info, shown, Said(said.astype(np.float32), picture_of), recipe, lambda done, *_: steps.append(done)
    )
    assert told.languages == E5_ID and max(steps) == 120
    assert all(trained[name].equal(weights[name]) for name in weights)
    save_heads(tmp_path / "both.safetensors", trained, told)
    kept, found = load_heads(tmp_path / "both.safetensors")
    assert found == told
    given = torch.from_numpy(said.astype(np.float32))
    for pair, pictures in zip((kept, heads_beside(kept)), shown, strict=True):
        ranks, _ = retrieval_ranks(apply_head(pair, "e5", given).numpy(), pictures, picture_of)
        assert np.median(ranks) <= 2
