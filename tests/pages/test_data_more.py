"""The Data page beyond posts: interactions, dry runs, less than the file holds, pictures elsewhere; and deleting."""

import json
import time

from core.database.posts import get_posts
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.jobs import report_json


def click(visit, label):
    next(button for button in visit.app.button if button.label == label).click().run()
    while resources.active_jobs():
        time.sleep(0.05)
    visit.app.run()
    return visit.check()


def last_job():
    return resources.workspace().jobs.list(limit=1)[0]


def count(table):
    return resources.workspace().cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def test_a_table_of_users_and_posts_is_interactions(small, visit, tmp_path):
    path = tmp_path / "likes.csv"
    path.write_text("user,post,when\nann,dog,2024-03-01\nbob,nowhere,2024-03-02\n")
    visit("data", path=str(path)).check()
    assert "likes.csv</bdi>: interactions" in visit.html
    before = count("interactions")
    click(visit, "Dry run")
    assert "Nothing was stored" in visit.html
    assert count("interactions") == before
    visit("data", path=str(path))
    click(visit, "Import")
    assert count("interactions") == before + 2
    assert last_job().result["elsewhere"] == 1


def test_a_dry_run_of_posts_stores_nothing_and_has_a_report(small, visit, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("id,text\nx1,hello there\nx2,\n")
    visit("data", path=str(path)).check()
    click(visit, "Dry run")
    assert get_posts(resources.workspace().cursor(), ["x1"]) == {}
    report = json.loads(report_json(last_job()))
    assert (report["job"], report["added"], report["failed"]) == ("dry_run", 1, 1)
    assert report["failures"][0]["where"] == "more.csv line 3"


def test_pictures_elsewhere_are_offered_and_not_fetched(small, visit, tmp_path):
    path = tmp_path / "remote.csv"
    path.write_text("id,text,images\nr1,far away,http://pictures.invalid/a.png\n")
    visit("data").check()
    assert "Pictures elsewhere" not in visit.html
    resources.workspace().jobs.run_now("ingest", {"path": str(path)}, title="Import")
    visit("data")
    assert "1 picture is named by web addresses" in visit.check().html


def test_a_post_is_deleted_after_a_word_was_typed(small, visit):
    visit("post", id="dog").check()
    next(button for button in visit.app.button if button.label == "Delete for good").click().run()
    assert "Type the word delete first" in visit.html
    visit.app.text_input(key="post.erase.word.post").set_value("delete").run()
    click(visit, "Delete for good")
    assert get_posts(resources.workspace().cursor(), ["dog"]) == {}
    assert last_job().state == "done"
    visit("data", job=str(last_job().id)).check()
    assert "1 post and 1 picture were deleted" in visit.html
    assert "Receipt" in [button.label for button in visit.app.get("download_button")]


def test_a_user_is_deleted_from_their_own_page(small, visit):
    visit("data").check()
    author = get_posts(resources.workspace().cursor(), ["dog"])["dog"].user_id
    visit("user", id=author).check()
    visit.app.text_input(key="user.erase.word.user").set_value("delete").run()
    click(visit, "Delete for good")
    assert get_posts(resources.workspace().cursor(), ["dog"]) == {}
    assert last_job().result["noun"] == "user"


def test_deleting_for_good_takes_the_role(small, visit, monkeypatch):
    monkeypatch.setattr("dashboard.resources.people.person", lambda: Person("ann", "lead"))
    visit("post", id="cat").check()
    assert not any(box.key == "post.erase.word.post" for box in visit.app.text_input)
