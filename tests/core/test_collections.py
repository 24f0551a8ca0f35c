"""Collections: what goes in, comes out, is combined and taken back."""

from datetime import timedelta

import pytest

from core import collections
from core.errors import CollectionError
from tests.core.search.conftest import fill_workspace


@pytest.fixture
def filled(workspace, tmp_path):
    fill_workspace(
        workspace, tmp_path, *[({"id": f"p{n}", "text": f"post {n}", "user_id": f"u{n % 3}"}, []) for n in range(8)]
    )
    return workspace


def test_members_keep_their_order_and_unknown_ids_are_named(filled):
    made = collections.create(filled, "  Late   buses ", members=["p3", "p1", "nobody", "p3"])
    assert (made.name, made.noun, made.members, made.size) == ("Late buses", "post", ("p3", "p1"), 2)
    assert collections.add(filled, made.id, ["p1", "p0", "x"]) == collections.Added(1, 1, ("x",))
    assert collections.get(filled, made.id).members == ("p3", "p1", "p0")
    assert collections.page(filled, made.id, offset=1, limit=1) == ("p1",)
    assert [found.id for found in collections.holding(filled, "p0")] == [made.id]


def test_what_is_removed_can_be_added_again(filled):
    made = collections.create(filled, "a", members=["p0", "p1", "p2"])
    assert set(collections.remove(filled, made.id, ["p1", "p7"])) == {"p1"}
    assert collections.get(filled, made.id).members == ("p0", "p2")
    collections.add(filled, made.id, ["p1"])
    assert set(collections.get(filled, made.id).members) == {"p0", "p1", "p2"}


def test_users_are_accounts_authors_and_those_who_act(filled):
    made = collections.create(filled, "people", "user", ["u1", "p1", "u2"])
    assert made.members == ("u1", "u2")
    assert collections.list_all(filled, "post") == []
    assert [found.size for found in collections.list_all(filled, "user")] == [2]


def test_collections_are_combined(filled):
    one = collections.create(filled, "one", members=["p0", "p1", "p2"])
    two = collections.create(filled, "two", members=["p2", "p1", "p5"])
    combined = {
        how: collections.combine(filled, how, [one.id, two.id], how).members
        for how in ("union", "intersection", "difference")
    }
    assert combined == {"union": ("p0", "p1", "p2", "p5"), "intersection": ("p1", "p2"), "difference": ("p0",)}
    people = collections.create(filled, "people", "user", ["u1"])
    with pytest.raises(CollectionError, match="can't be combined"):
        collections.combine(filled, "union", [one.id, people.id], "mixed")
    with pytest.raises(CollectionError, match="two collections"):
        collections.combine(filled, "union", [one.id, one.id], "alone")


def test_a_deleted_collection_can_be_taken_back_for_a_while(filled, monkeypatch):
    made = collections.create(filled, "a", members=["p0"])
    collections.delete(filled, made.id)
    assert collections.list_all(filled) == []
    with pytest.raises(CollectionError, match="no collection"):
        collections.get(filled, made.id)
    assert [found.name for found in collections.deleted(filled)] == ["a"]
    assert collections.restore(filled, made.id).size == 1
    collections.delete(filled, made.id)
    monkeypatch.setattr(collections, "KEPT_DELETED", timedelta(seconds=-1))
    collections.create(filled, "another")
    assert collections.deleted(filled) == []
    with pytest.raises(CollectionError):
        collections.restore(filled, made.id)


def test_name_tags_and_note_are_changed_one_by_one(filled):
    made = collections.create(filled, "a")
    collections.describe(filled, made.id, tags=["spam", " spam ", "", "two words"])
    changed = collections.describe(filled, made.id, note="  Found on Monday.\n", name="b")
    assert (changed.name, changed.tags, changed.note) == ("b", ("spam", "two words"), "Found on Monday.")
    for bad in ("", "  ", "x" * 201):
        with pytest.raises(CollectionError, match="name"):
            collections.describe(filled, made.id, name=bad)


def test_one_is_found_by_id_or_by_a_name_that_only_it_has(filled):
    one = collections.create(filled, "Spam")
    assert collections.find(filled, one.id).id == one.id == collections.find(filled, "spam").id
    collections.create(filled, "spam")
    with pytest.raises(CollectionError, match="Several"):
        collections.find(filled, "spam")
    with pytest.raises(CollectionError, match="no collection"):
        collections.find(filled, "eggs")


def test_collecting_leaves_the_generation_alone(filled):
    before = filled.generation
    made = collections.create(filled, "a", members=["p0"])
    collections.remove(filled, made.id, ["p0"])
    collections.delete(filled, made.id)
    assert filled.generation == before
