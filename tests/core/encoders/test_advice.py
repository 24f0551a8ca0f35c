"""The multilingual encoder is proposed where posts are in other languages, and only there."""

from dataclasses import replace

import pytest

from core.encoders import advice
from core.encoders.advice import text_model_advice
from tests.core.search.conftest import fill_workspace


@pytest.mark.parametrize(("german", "said"), [(30, "75% of the posts"), (10, None)])
def test_by_what_most_posts_are_in(workspace, tmp_path, monkeypatch, german, said):
    monkeypatch.setattr(advice, "has_e5", lambda: True)
    posts = [({"id": f"p{at}", "text": f"words {at}", "lang": "de" if at < german else "en"}, []) for at in range(40)]
    fill_workspace(workspace, tmp_path, *posts)
    found = text_model_advice(workspace)
    assert (found is None) if said is None else said in found
    workspace.settings = replace(workspace.settings, text_model="e5")
    assert text_model_advice(workspace) is None


def test_not_where_the_package_does_not_exist(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(advice, "has_e5", lambda: False)
    fill_workspace(workspace, tmp_path, *[({"id": f"p{at}", "text": "ja", "lang": "de"}, []) for at in range(40)])
    assert text_model_advice(workspace) is None
