import json

import pytest

from core.dual_training.emoji_words import write_emoji_names
from core.dual_training.languages import read_names
from core.errors import ImportFailed


def test_names_in_many_languages_without_what_checks_ask_for(tmp_path):
    """A cat is what a check asks for; a flag, a skin tone and a sign are no things."""
    names = {
        "en": {"🦔": "hedgehog", "🐱": "cat face", "🇫🇷": "flag: France", "👋🏽": "waving hand", "🔼": "upwards button"},
        "sk": {"🦔": "ježko", "🐱": "mačka", "🇫🇷": "Francúzsko", "🏄": "surfujúca osoba"},
    }
    for lang, said in names.items():
        path = tmp_path / "package" / "annotations" / lang / "annotations.json"
        path.parent.mkdir(parents=True)
        annotations = {emoji: {"default": ["x"], "tts": [name]} for emoji, name in said.items()}
        path.write_text(json.dumps({"annotations": {"annotations": annotations}}), encoding="utf-8")
    out = tmp_path / "names.csv"
    assert write_emoji_names([tmp_path / "package"], ["sk"], out) == 2
    assert [(name.words, name.lang) for name in read_names(out)] == [("hedgehog", "en"), ("ježko", "sk")]
    with pytest.raises(ImportFailed, match="No package holds annotations in 'xx'"):
        write_emoji_names([tmp_path / "package"], ["xx"], out)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ImportFailed, match=r"annotations\.json can't be read"):
        write_emoji_names([tmp_path / "package"], ["sk"], out)
