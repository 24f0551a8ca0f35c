import os

import numpy as np
import pytest

from core import derived
from core.errors import JobFailed, JobStopped, VectorError
from core.vectors.choice import choose, chosen_family, wanted_family
from core.vectors.families import AUTO, FAMILIES
from core.vectors.lab import Point, Results, cost, efforts, recommend, results
from core.vectors.quality import Quality
from core.vectors.standing import standings
from tests.core.search.conftest import fill_workspace

POSTS = 160


@pytest.fixture
def filled(workspace, tmp_path):
    posts = [({"id": f"p{n}", "text": f"word{n} and word{n % 7} of word{n % 11}"}, []) for n in range(POSTS)]
    return fill_workspace(workspace, tmp_path, *posts)


def try_out(workspace, *families, **params):
    params = {"space": "text", "families": list(families), "sample": 120, **params}
    return workspace.jobs.run_now("lab", params, title="Try families")


def switch(workspace, family):
    return workspace.jobs.run_now("switch", {"space": "text", "family": family}, title="Switch")


def neighbours(workspace):
    index = workspace.indexes.vector("text")
    rows = index.rows()[:5]
    return index.search(index.reconstruct(rows), 3)[1].tolist()


def test_the_lab_measures_each_family_at_several_efforts(filled):
    found = results(try_out(filled, "flat", "hnsw", "ivf_flat"))
    assert (found.sampled, found.vectors, found.failures) == (120, POSTS, ())
    flat = [point for point in found.points if point.family == "flat"]
    assert [(point.own, point.exact, point.quality.recall) for point in flat] == [(True, True, 1.0)]
    graph = [point for point in found.points if point.family == "hnsw"]
    assert [point.effort for point in graph if point.own] == ["efSearch 96"]
    assert len(graph) == 7
    lists = [point.quality.recall for point in found.points if point.family == "ivf_flat"]
    assert lists == sorted(lists)
    assert all(point.memory_bytes > 0 and point.disk_bytes > 0 for point in found.points)
    assert not [entry for entry in os.listdir(filled.path / "tmp") if entry.startswith("lab")]


def test_results_come_one_family_after_the_other_and_a_stopped_run_goes_on(filled):
    seen = []

    def stop_after_the_first(job):
        tried = results(filled.jobs.get(job.id)).tried
        if tried:
            seen.append(tried)
            filled.jobs.stop(job.id)

    params = {"space": "text", "families": ["flat", "ivf_flat"], "sample": 120}
    with pytest.raises(JobStopped):
        filled.jobs.run_now("lab", params, title="Try families", listener=stop_after_the_first)
    (job,) = [job for job in filled.jobs.list() if job.kind == "lab"]
    assert job.state == "stopped"
    assert results(job).tried == {"flat"}
    assert seen == [{"flat"}]
    before = results(job).points
    filled.jobs.resume(job.id)
    filled.jobs._run(filled.jobs.get(job.id), None)
    after = results(filled.jobs.get(job.id))
    assert after.tried == {"flat", "ivf_flat"}
    assert after.points[: len(before)] == before


def test_the_lab_refuses_what_it_cannot_try(filled):
    with pytest.raises(VectorError, match="no index family 'magic'"):
        try_out(filled, "magic")
    with pytest.raises(VectorError, match="100 vectors at least"):
        try_out(filled, "flat", space="dual")


def test_efforts_are_those_of_the_first_setting_that_a_family_has():
    tried = dict(efforts({"nlist": 20, "nprobe": 6, "depth": 9}))
    assert list(tried) == [f"nprobe {n}" for n in (1, 2, 4, 6, 8, 16)]
    assert tried["nprobe 16"] == {"nlist": 20, "nprobe": 16, "depth": 9}
    assert list(efforts({})) == [("", {})]


def test_a_switch_swaps_the_index_and_search_goes_on_until_then(filled):
    before, serving = neighbours(filled), []

    def look(job):
        serving.append((filled.indexes.vector("text").family, neighbours(filled)))

    filled.jobs.run_now("switch", {"space": "text", "family": "hnsw"}, title="Switch", listener=look)
    assert serving
    assert all(entry == ("flat", before) for entry in serving)
    assert filled.indexes.vector("text").family == "hnsw"
    assert neighbours(filled) == before
    (text, *_) = standings(filled)
    assert (text.family, text.wanted, text.by_hand, text.auto) == ("hnsw", "hnsw", True, "flat")
    assert text.rating == "unknown"


def test_a_choice_stays_while_posts_come_until_auto_takes_it_back(filled, tmp_path):
    switch(filled, "hnsw")
    built = derived.read_manifest(filled.indexes.folder(filled.indexes.space("text")))
    filled.jobs.run_now("index", {}, title="Index")
    assert derived.read_manifest(filled.indexes.folder(filled.indexes.space("text"))) == built
    fill_workspace(filled, tmp_path, ({"id": "new", "text": "something new"}, []))
    assert filled.indexes.vector("text").family == "hnsw"
    assert len(filled.indexes.vector("text")) == POSTS + 1
    switch(filled, AUTO)
    assert filled.indexes.vector("text").family == "flat"
    assert standings(filled)[0].by_hand is False


def test_a_switch_that_fails_leaves_choice_and_index_as_they_were(filled, monkeypatch):
    before = neighbours(filled)

    def fail(self, context, space):
        raise JobFailed("no memory")

    monkeypatch.setattr(type(filled.indexes.store), "save", fail)
    with pytest.raises(JobFailed):
        switch(filled, "hnsw")
    assert chosen_family(filled.cursor(), "text") == AUTO
    assert neighbours(filled) == before
    with pytest.raises(VectorError, match="no index family"):
        switch(filled, "magic")
    assert chosen_family(filled.cursor(), "text") == AUTO


def test_a_choice_of_what_there_no_longer_is_counts_as_none(filled):
    with filled.transaction() as cursor:
        cursor.execute("INSERT INTO meta VALUES ('index_family:text', 'forgotten')")
    assert chosen_family(filled.cursor(), "text") == AUTO
    assert wanted_family(filled.cursor(), filled.indexes.space("text"), 10)[0] == "flat"


def test_the_choice_is_one_space_s_alone(filled):
    with filled.transaction() as cursor:
        choose(cursor, "dual", "hnsw")
    assert (chosen_family(filled.cursor(), "dual"), chosen_family(filled.cursor(), "text")) == ("hnsw", AUTO)


def point(family, recall, ms, *, memory=1000, own=True, exact=False):
    return Point(family, "", own, exact, Quality(recall, recall, recall, ms, ms, 400, 10), memory, memory, 2.0)


def found(*points, vectors=1_000_000):
    return Results("text", tuple(FAMILIES), points, (), 20_000, vectors)


def test_the_lab_would_take_exact_search_where_that_is_quick_over_all():
    flat = point("flat", 1.0, 0.2, exact=True)
    assert recommend(found(flat, point("hnsw", 0.999, 0.1)))[0] == "flat"
    assert recommend(found(flat, point("hnsw", 0.999, 0.1), vectors=2_000_000))[0] == "hnsw"


def test_of_those_that_find_enough_it_would_take_the_quickest_and_of_equals_the_smallest():
    family, why = recommend(
        found(
            point("flat", 1.0, 2.0, exact=True),
            point("hnsw", 0.995, 0.30, memory=5000),
            point("sq8", 0.992, 0.32),
            point("ivf_flat", 0.98, 0.1),
            point("lsh", 0.999, 0.05, own=False),
        )
    )
    assert family == "sq8"
    assert "100 ms over all 1,000,000" in why


def test_where_none_finds_enough_it_says_so():
    assert recommend(found(point("flat", 1.0, 2.0, exact=True), point("lsh", 0.9, 0.1)))[0] == "flat"
    family, why = recommend(found(point("lsh", 0.9, 0.1), point("ivf_pq", 0.95, 0.2)))
    assert family == "ivf_pq"
    assert "95.0%" in why
    assert recommend(found()) is None


def test_costs_grow_with_the_number_of_vectors():
    assert cost(found(point("hnsw", 0.99, 0.3)), "hnsw") == (100.0, 50_000.0)


def test_the_sample_is_the_same_each_time(filled):
    one, other = (results(try_out(filled, "ivf_flat")).points for _ in range(2))
    np.testing.assert_array_equal([p.quality.recall for p in one], [p.quality.recall for p in other])


def test_a_choice_for_a_space_without_vectors_builds_nothing(workspace, tmp_path):
    fill_workspace(workspace, tmp_path, ({"id": "a", "text": "one"}, []))
    with workspace.transaction() as cursor:
        choose(cursor, "text", "hnsw")
        cursor.execute("DELETE FROM vectors_1")
        cursor.execute("DELETE FROM posts")
    workspace.jobs.run_now("rebuild", {}, title="Rebuild")
    assert len(workspace.indexes.vector("text")) == 0
