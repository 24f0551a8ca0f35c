"""Files that are made in the background, queues that are taken along, columns that are chosen from a list."""

import io
import time
import zipfile

from core import collections
from core.moderation.policies import list_policies
from core.moderation.reports import report
from core.workspace import Workspace
from dashboard import resources
from dashboard.resources import exports


def press(visit, key):
    next(button for button in visit.app.button if button.key == key).click().run()
    return visit.check()


def ended(visit):
    while resources.active_jobs():
        time.sleep(0.02)
    visit.app.run()
    return visit.check()


def test_everything_is_exported_in_the_background(small, visit):
    visit("data").check()
    assert "5 posts in one zip file" in visit.html
    visit.app.checkbox(key="data.export.pictures").set_value(True).run()
    press(visit, "data.export.begin")
    ended(visit)
    assert visit.html.count("5 posts and 2 pictures in a file of") == 2  # where it was asked for, and with the jobs
    (job,) = resources.workspace().jobs.list(limit=1)
    path = exports.file_of(job)
    with zipfile.ZipFile(io.BytesIO(exports.contents(path))) as file:
        assert {"posts.csv", "provenance.json"} < set(file.namelist())
    path.unlink()
    visit("data").check()
    assert "The file is gone" in visit.html


def test_a_queue_is_collected(small, settings, visit):
    with Workspace.open(settings.workspace, settings) as workspace:
        policy = list_policies(workspace)[0].id
        report(workspace, ["cat", "dog"], policy)
        made = collections.create(workspace, "Waiting")
    visit("review").check()
    visit.app.selectbox(key="review.collect.choice").set_value(made.id).run()
    press(visit, "review.collect.add")
    assert set(collections.get(resources.workspace(), made.id).members) == {"cat", "dog"}


def test_columns_of_a_strange_table_are_chosen_from_a_list(small, visit, tmp_path):
    path = tmp_path / "strange.csv"
    path.write_text("qq,zz\nab,one\ncd,two\n")
    visit("data", path=str(path)).check()
    assert "no column looks like" in visit.html
    chosen = next(box for box in visit.app.selectbox if box.label == "The text")
    assert chosen.options == ["Nothing", "qq", "zz"]
    chosen.set_value("zz")
    next(button for button in visit.app.button if button.label == "Look again").click().run()
    visit.check()
    assert "strange.csv</bdi>: about" in visit.html
    assert "kept beside" in visit.html
    assert visit.app.query_params["map"] in ("text=zz", ["text=zz"])
    assert "No column was taken for who wrote a post, when and its id" in visit.html
    visit("data", path=str(path), map=["text=zz", "writer=qq"]).check()
    assert "no field 'writer'" in visit.html.replace("&#x27;", "'")
    chosen = next(box for box in visit.app.selectbox if box.label == "The text")
    assert (chosen.value, chosen.options) == ("zz", ["Nothing", "qq", "zz"]), "the other choices are kept"
    assert next(box for box in visit.app.text_input if box.label == "Other fields").value == "writer=qq"


def test_what_the_form_shows_is_what_is_taken(small, visit, tmp_path):
    """Also the text that was found by itself, beside a column that was chosen."""
    path = tmp_path / "strange.csv"
    path.write_text("Beitrag,Foto\nthe words of a post,https://pics.example/1.jpg\nand of the next one,\n")
    visit("data", path=str(path)).check()
    next(box for box in visit.app.selectbox if box.label == "Pictures").set_value("Foto")
    next(button for button in visit.app.button if button.label == "Look again").click().run()
    visit.check()
    assert set(visit.app.query_params["map"]) == {"text=Beitrag", "pictures=Foto"}
    assert "The first 2 as they would be stored" in visit.html


def test_a_folder_of_several_files_offers_them(small, visit, tmp_path):
    folder = tmp_path / "several"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("id,text\n1,one\n")
    visit("data", path=str(folder)).check()
    assert [chip["text"] for chip in visit.component("chips")["chips"]] == ["a.csv", "b.csv"]


def test_pictures_that_did_not_come_along_are_noticed(small, visit, tmp_path):
    path = tmp_path / "alone.csv"
    path.write_text("id,text,image\n1,one,one.jpg\n2,two,two.jpg\n")
    visit("data", path=str(path)).check()
    assert "did not come along" in visit.html


def test_a_file_on_the_server_is_chosen_from_a_list(small, visit, tmp_path):
    path = tmp_path / "listed.csv"
    path.write_text("id,text\n1,one\n")
    visit("data", path=str(tmp_path)).check()
    box = next(box for box in visit.app.selectbox if box.label == "File or folder")
    box.set_value(str(path)).run()
    visit.check()
    assert visit.app.query_params["path"] in (str(path), [str(path)])
    assert "listed.csv</bdi>: about" in visit.html
