"""Which posts are of one wave, and which only link to where everybody links to."""

from core.moderation import waves
from core.moderation.waves import site_of, wave_of


def imported(workspace, tmp_path, texts):
    lines = [f'{n},"{text}",new{n},2024-05-0{1 + n % 3}' for n, text in enumerate(texts)]
    (tmp_path / "posts.csv").write_text("\n".join(["id,text,author,date", *lines]))
    workspace.jobs.run_now("ingest", {"path": str(tmp_path / "posts.csv")}, title="Import")
    return {int(id_): row for id_, row in workspace.cursor().execute("SELECT id, row FROM posts").fetchall()}


def test_a_shortener_makes_no_wave_but_the_same_short_address_does(workspace, tmp_path):
    texts = [f"{'abcdefgh'[n] * 9} is what I think https://t.co/aB{n}" for n in range(8)]
    texts += [f"{'abcdefgh'[n] * 9} says so https://t.co/Same" for n in range(5)]
    rows = imported(workspace, tmp_path, texts)
    assert not len(wave_of(workspace, rows[0]))
    assert wave_of(workspace, rows[8]).tolist() == [rows[n] for n in range(8, 13)]


def test_a_site_of_everybody_makes_no_wave(workspace, tmp_path, monkeypatch):
    texts = [f"{'abcdefgh'[n] * 9} in the news https://news.example/{n}" for n in range(8)]
    rows = imported(workspace, tmp_path, texts)
    assert len(wave_of(workspace, rows[0])) == 8
    monkeypatch.setattr(waves, "COMMON_AUTHORS", 6)
    waves._known.clear()
    assert not len(wave_of(workspace, rows[0]))


def test_sites():
    assert site_of("https://youtu.be/aZ1?t=2 and http://b.example") == "youtu.be/aZ1?t=2"
    assert site_of("WWW.Shop77.example/7") == "shop.example"
    assert site_of("no address") is None
