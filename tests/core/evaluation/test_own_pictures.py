"""Posts' words asked for their own pictures."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.database.posts import rows_of
from core.errors import ModelError
from core.evaluation.own_pictures import agreement, last_measured, own_ranks
from tests.fake_encoder import PALETTE


def test_ranks_by_hand():
    pictures = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)  # the last two belong to one post
    words = np.array([[0.8, 0.6], [0.8, 0.6]], np.float32)
    ranks, first = own_ranks(words, np.array([0, 1]), pictures, np.array([0, 1, 1]))
    assert ranks.tolist() == [2, 1]  # 0.8 against 0.96
    assert first.tolist() == [1, 1]


def test_a_tie_counts_against_the_encoder():
    same = np.ones((2, 1), np.float32)
    ranks, first = own_ranks(same, np.array([0, 1]), same, np.array([0, 1]))
    assert ranks.tolist() == [2, 2]
    assert first.tolist() == [1, 0]


@pytest.fixture
def colours(workspace, tmp_path):
    """Posts that name the colour of their picture; one that names another, one without words, one without picture."""
    folder = tmp_path / "colours"
    folder.mkdir()
    lines = ["id,text,images"]
    for name, rgb in PALETTE.items():
        Image.new("RGB", (24, 24), rgb).save(folder / f"{name}.png")
        lines.append(f"{name},{name},{name}.png")
    first, second = list(PALETTE)[:2]
    lines += [f"wrong,{first},{second}.png", f"silent,,{first}.png", f"blind,{first},"]
    (folder / "posts.csv").write_text("\n".join(lines) + "\n")
    workspace.jobs.run_now("ingest", {"path": str(folder)}, title="Import")
    return workspace


def test_the_job_measures_and_shows_its_misses(colours, monkeypatch):
    assert last_measured(colours) is None
    colours.jobs.run_now("own_pictures", {}, title="Measure")
    found = last_measured(colours)
    assert (found.posts, found.asked) == (len(PALETTE) + 1, len(PALETTE) + 1)
    assert found.recall[10] > found.recall[1] > 0
    assert "wrong" in {miss.post_id for miss in found.misses}
    # The same pictures, asked by the words of another text encoder: not what was measured.
    monkeypatch.setattr(colours, "settings", replace(colours.settings, text_model="e5"))
    assert last_measured(colours) is None


def test_words_that_say_something_else_agree_least(colours):
    rows = rows_of(colours.cursor(), [*PALETTE, "wrong", "silent", "blind"])
    kept, cosines = agreement(colours, np.array(sorted(rows.values()), np.int64))
    assert set(kept.tolist()) == {rows[id_] for id_ in (*PALETTE, "wrong")}
    assert kept[cosines.argmin()] == rows["wrong"]


def test_without_pairs_there_is_nothing_to_measure(workspace):
    with pytest.raises(ModelError, match="Fewer than two posts"):
        workspace.jobs.run_now("own_pictures", {}, title="Measure")
