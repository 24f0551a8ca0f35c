import numpy as np
import pytest

from core.errors import MapError
from core.maps import edits
from core.maps.layouts import find_layout, list_layouts, read_layout, remove_layout, slug
from tests.core.maps.drawn import blobs, write_drawn


@pytest.fixture
def layout(workspace):
    write_drawn(workspace)
    return edits.open_layout(workspace, "Words")


def cluster(layout, name):
    return next(c for c in layout.clusters if c.name == name)


def members(layout, name):
    found = cluster(layout, name)
    return set(layout.rows[layout.labels[found.level] == found.number].tolist())


def build_again(workspace, drop=0, turn=1):
    """The next build: other numbers, some points fewer, some new ones."""
    xy, of = blobs(seed=7)
    keep = np.arange(drop, len(xy))
    write_drawn(workspace, rows=keep + 1, xy=xy[keep], of=(of[keep] + turn) % 4)
    return edits.open_layout(workspace, "Words")


def test_a_name_survives_the_next_build_and_can_be_undone(workspace, layout):
    own = members(layout, "rockets")
    edits.rename(workspace, layout, cluster(layout, "rockets"), "  Space  flight ")
    again = build_again(workspace, drop=5)
    assert members(again, "Space flight") == own
    assert cluster(again, "Space flight").edited == "name"
    assert edits.undo(workspace, "words")
    assert all(c.name != "Space flight" for c in edits.open_layout(workspace, "Words").clusters)
    assert not edits.undo(workspace, "words")


def test_a_merge_survives_the_next_build(workspace, layout):
    cats, coffee = members(layout, "cats, kittens"), members(layout, "coffee, espresso")
    edits.merge(workspace, layout, [cluster(layout, "cats, kittens"), cluster(layout, "coffee, espresso")], "Home")
    merged = edits.open_layout(workspace, "Words")
    assert members(merged, "Home") == cats | coffee
    assert len(merged.at_level(1)) == 3
    assert {term for term, _ in cluster(merged, "Home").terms} == {"cats", "coffee"}
    again = build_again(workspace)
    assert members(again, "Home") == cats | coffee
    assert sum(c.size for c in again.at_level(1)) == 160


def test_what_is_left_of_a_swallowed_cluster_goes_with_it(workspace, layout):
    own = np.flatnonzero(layout.labels[1] == 2)
    edits.draw(workspace, layout, 1, own[:30], "Most rockets")
    drawn = edits.open_layout(workspace, "Words")
    assert len(members(drawn, "Most rockets")) == 40
    edits.undo(workspace, "words")
    edits.draw(workspace, layout, 1, own[:10], "Few rockets")
    drawn = edits.open_layout(workspace, "Words")
    assert (len(members(drawn, "Few rockets")), len(members(drawn, "rockets"))) == (10, 30)


def test_a_split_is_undone_in_one(workspace, layout):
    edits.split(workspace, layout, cluster(layout, "left"), 2)
    split = edits.open_layout(workspace, "Words")
    parts = [c for c in split.at_level(0) if c.edited]
    assert [c.size for c in parts] == [40, 40]
    assert {c.name for c in parts} == {"cats, kittens", "rockets"}, "named by the finer clusters they are"
    edits.undo(workspace, "words")
    assert len(edits.open_layout(workspace, "Words").at_level(0)) == 2


def test_edits_of_users_hold_by_their_ids(workspace):
    xy, of = blobs(each=5)
    names = [f"user{n}" for n in range(20)]
    write_drawn(workspace, "People", "users", users=names, xy=xy, of=of)
    found = edits.open_layout(workspace, "People")
    edits.rename(workspace, found, found.at_level(1)[0], "Friends")
    write_drawn(workspace, "People", "users", users=["newcomer", *names[:-1]], xy=xy, of=np.roll(of, 1))
    assert any(c.name == "Friends" for c in edits.open_layout(workspace, "People").clusters)


@pytest.mark.parametrize("name", ["", "   ", "x" * 500])
def test_names_that_are_none_are_refused(workspace, layout, name):
    with pytest.raises(MapError):
        edits.rename(workspace, layout, layout.clusters[0], name)


def test_what_can_not_be_merged_or_split_is_refused(workspace, layout):
    with pytest.raises(MapError):
        edits.merge(workspace, layout, [layout.clusters[0]])
    with pytest.raises(MapError):
        edits.merge(workspace, layout, [layout.at_level(0)[0], layout.at_level(1)[0]])
    with pytest.raises(MapError):
        edits.split(workspace, layout, layout.clusters[0], 9)


def test_a_damaged_layout_is_not_there(workspace, layout):
    folder = workspace.path / "maps" / "words" / layout.info.version
    (folder / "xy.npy").write_bytes(b"no")
    assert list_layouts(workspace) == []
    with pytest.raises(MapError, match="no map"):
        read_layout(workspace, "Words")


def test_layouts_go_by_name(workspace, layout):
    assert find_layout(workspace, "words").name == "Words"
    assert slug("Wörter & Bilder!") == "wörter-bilder"
    with pytest.raises(MapError):
        slug("../..")
    remove_layout(workspace, "Words")
    assert list_layouts(workspace) == []
