import json
import time

import pytest

from core.dual_training import job as dual_job
from core.dual_training.training import write_history
from core.errors import VectorError
from core.vectors.quality import Measurement, Quality
from core.vectors.standing import Standing
from core.workspace import Workspace
from dashboard import resources
from dashboard.components import dual_training_view
from dashboard.components.figures import milliseconds, share
from dashboard.components.index_badge import rating
from dashboard.components.lab_chart import figure, figures_csv
from tests.core.search.conftest import fill_workspace
from tests.core.vectors.test_lab import point

SPAM = "win a free phone today just follow this account and send your name"
HOSTILE = "<script>alert(1)</script> ![x](https://example.org/x.png) is what these seven words would like to be"


@pytest.fixture
def many(settings, fake_encoders, tmp_path, monkeypatch, close_after):
    """The settings of a workspace of 150 posts, of which four say nearly the same, as do two hostile ones."""
    posts = [({"id": f"p{n}", "text": f"word{n} and word{n % 7} of word{n % 11}"}, []) for n in range(144)]
    posts += [({"id": f"spam{n}", "text": f"{SPAM} {n}"}, ["red"] if n < 2 else []) for n in range(4)]
    posts += [({"id": f"hostile{n}", "text": HOSTILE}, []) for n in range(2)]
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *posts)
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    return settings


@pytest.fixture
def run(many):
    """Runs a job before the app opens the workspace."""

    def run(kind, **params):
        with Workspace.open(many.workspace, many) as workspace:
            return workspace.jobs.run_now(kind, params, title=f"Do {kind}")

    return run


def wait_for_jobs(visit):
    """The page as it is when all that was begun is done."""
    while resources.active_jobs():
        time.sleep(0.05)
    visit.app.run()
    return visit.check()


def click(visit, key):
    next(button for button in visit.app.button if button.key == key).click().run()
    return visit.check()


def labels(visit):
    return [button.label for button in visit.app.button]


@pytest.mark.parametrize("params", [{}, {"space": "dual"}, {"space": "?", "run": "x", "page": "-1"}, {"run": "99999"}])
def test_the_page_opens_whatever_the_address_says(small, visit, params):
    visit("index", **params).check()
    assert "Texts" in visit.html
    assert ("can&#x27;t be used" in visit.html) == ("?" in params.values())


def test_an_empty_workspace_is_said_with_a_way_on(settings, fake_encoders, monkeypatch, close_after, visit):
    Workspace.open(settings.workspace, settings, create=True).close()
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    visit("index").check()
    assert "There is nothing to index yet" in visit.html


def test_a_handful_of_vectors_is_too_few_for_the_lab(small, visit):
    visit("index").check()
    assert "with 100 or more, families can be compared" in visit.html
    assert "Run" not in labels(visit)


def test_an_index_says_its_family_and_why_and_is_measured(many, visit):
    visit("index").check()
    assert "few enough to compare with every one" in visit.html
    assert "not measured yet" in visit.html
    click(visit, "measure_text")
    wait_for_jobs(visit)
    assert "Of the 10 nearest, 100 % were found (98.7 % to 100 % with 95 % confidence)" in visit.html
    assert "Measure again" in labels(visit)


def test_a_run_of_the_lab_is_in_the_address_and_shows_its_figures(many, visit):
    visit("index").check()
    visit.app.button_group(key="lab.families").set_value(["flat", "ivf_flat"]).run()
    click(visit, "lab.run.text")
    (job,) = resources.lab_runs("text")
    assert visit.app.query_params["run"] in (str(job.id), [str(job.id)])
    wait_for_jobs(visit)
    assert "The lab would choose Exact (flat)." in visit.html
    assert "Tried on all 150 vectors." in visit.html
    assert "Lists (IVF-Flat)" in visit.html
    assert visit.app.get("plotly_chart")


def test_a_stopped_run_shows_what_it_found_and_goes_on(many, run, visit):
    job = run("lab", space="text", families=["flat"], sample=150)
    more = json.dumps({"space": "text", "families": ["flat", "ivf_flat"], "sample": 150})
    with Workspace.open(many.workspace, many) as workspace, workspace.transaction() as cursor:
        cursor.execute("UPDATE jobs SET state = 'stopped', params = ? WHERE id = ?", [more, job.id])
    visit("index").check()
    assert "1 of 2 families were tried" in visit.html
    click(visit, f"lab_resume_{job.id}")
    wait_for_jobs(visit)
    assert "Lists (IVF-Flat)" in visit.html
    assert "were tried. “Go on”" not in visit.html


def test_a_failed_run_says_why(run, visit):
    with pytest.raises(VectorError):
        run("lab", space="text", families=["magic"], sample=150)
    visit("index").check()
    assert "There is no index family &#x27;magic&#x27;" in visit.html


def test_one_button_switches_and_another_goes_back(run, visit):
    run("lab", space="text", families=["flat", "hnsw"], sample=150)
    visit("index").check()
    assert "Exact (flat) is what serves now." in visit.html
    visit.app.selectbox(key="lab.switch.text.flat").set_value("hnsw").run()
    visit.check()
    assert "Searches go on with the present index until then." in visit.html
    click(visit, "lab.switch_to.text")
    wait_for_jobs(visit)
    assert resources.workspace().indexes.vector("text").family == "hnsw"
    assert "Chosen by hand. Left to itself it would be Exact (flat)." in visit.html
    assert "Recall 100 %" in [link.proto.label for link in visit.app.get("page_link")]
    click(visit, "auto_text")
    wait_for_jobs(visit)
    assert resources.workspace().indexes.vector("text").family == "flat"
    assert "Exact search" in [link.proto.label for link in visit.app.get("page_link")]


def test_near_duplicates_are_found_and_shown_as_posts(many, visit):
    visit("index").check()
    assert "Nobody has looked for them yet." in visit.html
    click(visit, "duplicates.find")
    wait_for_jobs(visit)
    assert "3 groups of 6 posts" in visit.html
    groups = [
        [card["id"] for card in json.loads(block.proto.json)["cards"]]
        for block in visit.app.get("bidi_component")
        if block.proto.component_name == "feedscope_cards"
    ]
    assert groups == [["spam0", "spam1", "spam2", "spam3"], ["spam0", "spam1"], ["hostile0", "hostile1"]]
    assert "the same picture" in visit.html
    assert "<script" not in visit.html
    with resources.workspace().new_generation():
        pass
    visit.app.run()
    assert "look again to have them in" in visit.check().html


def test_where_there_are_no_near_duplicates_it_says_so(small, visit):
    visit("index").check()
    click(visit, "duplicates.find")
    wait_for_jobs(visit)
    assert "texts and" in visit.html


def standing(kind, *, exact=False, recall=None, outdated=None):
    quality = None if recall is None else Quality(recall, recall, recall, 1.0, 2.0, 400, 10)
    measured = quality and Measurement(quality, "model", "hnsw", 100, 1, None)
    return Standing(kind, None, None, "hnsw", exact, "hnsw", "", "hnsw", False, True, measured, outdated)


def test_the_badge_says_the_least_that_is_known():
    def text(*standings):
        return rating(standings)[0]

    assert text(standing("text", exact=True), standing("dual", exact=True)) == "Exact search"
    assert text(standing("text", exact=True), standing("dual", recall=0.9941)) == "Recall 99.4 %"
    assert text(standing("text", recall=0.97), standing("dual", recall=0.9941)) == "Recall 97.0 %"
    assert text(standing("text"), standing("dual", recall=0.9941)) == "Recall not measured"
    assert text(standing("text", recall=0.9, outdated="long ago")) == "Recall out of date"


def test_only_all_is_a_hundred_percent():
    assert [share(value) for value in (1, 0.9999, 0.9941, 0.5, 0.0001, 0)] == [
        "100 %", "99.9 %", "99.4 %", "50.0 %", "0.1 %", "0 %",
    ]  # fmt: skip
    assert [milliseconds(value) for value in (0.0842, 1.44, 120.4)] == ["0.08 ms", "1.4 ms", "120 ms"]


def test_the_chart_and_the_file_hold_every_figure():
    points = [point("flat", 1.0, 0.4, exact=True), point("hnsw", 0.99, 0.2), point("hnsw", 0.7, 0.05, own=False)]
    drawn = figure(points, ["#000", "#fff"])
    assert [list(trace.x) for trace in drawn.data] == [[100.0], [99.0, 70.0]]
    assert [list(trace.y) for trace in drawn.data] == [[0.4], [0.2, 0.05]]
    low, high = drawn.layout.xaxis.range
    assert low < 70 < 100 < high
    lines = figures_csv(points).splitlines()
    assert lines[0].lstrip("\ufeff").startswith("family,effort,own,recall_at_10")
    assert len(lines) == 4


def test_how_good_search_is_here_is_measured_and_shown(small, visit, settings):
    with Workspace.open(settings.workspace, settings) as workspace:
        workspace.jobs.run_now("own_pictures", {}, title="Measure")
    visit("index").check()
    assert "How good is search here?" in visit.html
    assert "own picture in the first 5" in visit.html
    assert any(button.key == "own_pictures.measure" for button in visit.app.button)


def test_training_is_offered_watched_and_put_to_use(small, visit, settings, monkeypatch):
    monkeypatch.setattr(dual_job, "LEAST_POSTS", 2)
    monkeypatch.setattr(dual_training_view, "LEAST_POSTS", 2)
    told = {"losses": [3.0, 2.0], "recalls": [40.0, 50.0], "epoch": 2, "held_out": 3, "before_r@10": {"captions": 30.0},
            "held_out_r@10": {"captions": 50.0}}  # fmt: skip
    name = "dual-0badf00d.safetensors"
    with Workspace.open(settings.workspace, settings) as workspace:
        model = workspace.path / "models" / name
        model.write_bytes(b"")
        write_history(model, told)
        running = workspace.path / "models" / "training" / "dual.safetensors"
        write_history(running, {"losses": [5.5], "recalls": [12.0]})
        workspace.serve_dual(name, "feedscope-dual-0badf00d")
    visit("index").check()
    assert "Train the picture search on your posts" in visit.html
    assert (
        "30.0 % of 3 held-out texts found their picture among the first ten before training, 50.0 % after it"
        in visit.html
    )
    assert "pictures are searched by it" in visit.html
    assert "Use the packaged encoder again" in labels(visit)
    asked = []
    monkeypatch.setattr(
        type(resources.workspace().jobs), "submit", lambda self, kind, params, *, title: asked.append((kind, params))
    )
    next(button for button in visit.app.button if button.label == "Train").click().run()
    click(visit, f"dual_training.use.{name}")
    assert asked == [
        ("dual_train", {"epochs": 6, "seed": 0, "init": True, "serve": True}),
        ("dual_serve", {"model": None}),
    ]


def test_the_plot_of_a_training_shows_loss_and_recall():
    drawn = dual_training_view.figure([3.0, 2.0, 1.5], [10.0, 30.0, 35.0], ["#111111", "#222222"])
    assert [list(trace.y) for trace in drawn.data] == [[3.0, 2.0, 1.5], [10.0, 30.0, 35.0]]
    assert [trace.yaxis for trace in drawn.data] == ["y", "y2"]


def test_the_order_by_disagreement_leaves_out_what_has_no_picture(small, visit):
    visit("search", q="dog", sort="disagree").check()
    assert set(visit.cards()) <= {"cat", "dog", "dog2"}
    assert "left out of this order" in visit.html
