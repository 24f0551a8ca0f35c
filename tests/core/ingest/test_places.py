import os

import pytest

from core.errors import ImportFailed
from core.ingest.places import UPLOAD, keep_upload, offered_sources, source_below_roots, uploaded_source


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "allowed"
    (root / "inner").mkdir(parents=True)
    (root / "posts.csv").write_text("id,text\n1,hello\n")
    (tmp_path / "secret.csv").write_text("id,text\n1,secret\n")
    return root.resolve()


def test_what_lies_below_a_root_is_found(root):
    assert source_below_roots(str(root / "posts.csv"), [root]) == root / "posts.csv"
    assert source_below_roots("posts.csv", [root]) == root / "posts.csv"
    assert source_below_roots(str(root), [root]) == root


@pytest.mark.parametrize(
    "named",
    ["../secret.csv", "inner/../../secret.csv", "/etc/passwd", "~", "/", "../allowed-too", "inner/../../allowed2"],
)
def test_what_lies_elsewhere_is_refused_unseen(root, named):
    with pytest.raises(ImportFailed, match="does not lie below"):
        source_below_roots(named, [root])


def test_a_link_that_leads_out_is_refused(root):
    (root / "way-out").symlink_to(root.parent)
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(ImportFailed, match="does not lie below"):
        source_below_roots(str(root / "way-out" / "secret.csv"), [root])
    with pytest.raises(ImportFailed):
        source_below_roots("loop", [root])


def test_refusals_say_what_to_do(root):
    with pytest.raises(ImportFailed, match="FEEDSCOPE_IMPORT_ROOTS"):
        source_below_roots("posts.csv", [])
    with pytest.raises(ImportFailed, match="nothing at"):
        source_below_roots("gone.csv", [root])
    with pytest.raises(ImportFailed, match="NUL"):
        source_below_roots("a\x00b", [root])
    with pytest.raises(ImportFailed):
        source_below_roots("x" * 5000, [root])


def test_folders_come_before_files_and_hidden_ones_not_at_all(root, tmp_path):
    (root / ".hidden").write_text("x")
    assert offered_sources([root, tmp_path / "gone"]) == [root / "inner", root / "posts.csv"]


def test_one_uploaded_file_is_that_file_and_several_are_their_folder(tmp_path):
    one = keep_upload(tmp_path, [("posts.csv", b"id,text")])
    assert one.startswith(UPLOAD)
    assert uploaded_source(tmp_path, one).read_bytes() == b"id,text"
    several = keep_upload(tmp_path, [("set/posts.csv", b"x"), ("set/images/a.jpg", b"y")])
    assert (uploaded_source(tmp_path, several) / "images" / "a.jpg").read_bytes() == b"y"


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "..", "", "a//b", "a\x00b", "..\\x", "x" * 300, "a/" * 9 + "b"]
)
def test_names_that_lead_out_are_refused_and_nothing_is_left(tmp_path, name):
    with pytest.raises(ImportFailed):
        keep_upload(tmp_path / "uploads", [("good.csv", b"x"), (name, b"x")])
    assert not any((tmp_path / "uploads").glob("*"))
    assert [path.name for path in tmp_path.iterdir()] == ["uploads"]


def test_no_file_is_no_upload(tmp_path):
    with pytest.raises(ImportFailed, match="No file"):
        keep_upload(tmp_path, [])


@pytest.mark.parametrize("named", ["upload:../..", "upload:", "upload:" + "0" * 16, "upload:" + "g" * 16])
def test_other_tokens_find_nothing(tmp_path, named):
    with pytest.raises(ImportFailed, match="no longer kept"):
        uploaded_source(tmp_path, named)


def test_old_uploads_go_unless_a_job_needs_them(tmp_path):
    old, needed = (keep_upload(tmp_path, [("a.csv", b"x")]).removeprefix(UPLOAD) for _ in range(2))
    for token in (old, needed):
        os.utime(tmp_path / token, (0, 0))
    new = keep_upload(tmp_path, [("b.csv", b"x")], in_use=[needed]).removeprefix(UPLOAD)
    assert {path.name for path in tmp_path.iterdir()} == {needed, new}
