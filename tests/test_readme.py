"""What a reader can type in the README works."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields

import pytest
from PIL import Image

from core.settings import ROOT, Settings

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line]
IN_THE_SHELL = [command for command in COMMANDS if command.startswith("python ")]


def test_every_command_is_one_that_a_test_runs():
    targets = {"make run", "make test", "make lint", "make bench"}  # CI calls make test; test_make runs the others dry
    assert set(COMMANDS) - set(IN_THE_SHELL) == targets


@pytest.mark.parametrize("target", ["run", "test", "lint", "bench", "venv"])
def test_make_knows_its_targets(target):
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_in_the_table():
    for spec in fields(Settings):
        assert f"| `{spec.metadata['variable']}` |" in README
        assert spec.metadata["help"] in README


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_commands_work_in_order(tmp_path, demo_workspace):
    (tmp_path / "posts.csv").write_text(
        "id,text,author,likes\n1,The traffic light is broken again,ann,3\n2,Fresh bread at the corner,bob,9\n"
    )
    (tmp_path / "my-pictures").mkdir()
    for name, colour in (("sea.jpg", "navy"), ("field.jpg", "green")):
        Image.new("RGB", (320, 240), colour).save(tmp_path / "my-pictures" / name)
    shutil.copy(tmp_path / "my-pictures" / "sea.jpg", tmp_path / "photo.jpg")
    (tmp_path / "captions.csv").write_text(
        "split,image,caption_index,caption\ntest,sea.jpg,0,the blue sea\ntest,field.jpg,0,a green field\n"
    )
    (tmp_path / "likes.csv").write_text("user_id,post_id,kind\nbob,1,like\nann,2,like\n")
    lines = [" ".join(map(str, [user, *(item for item in range(12) if (item + user) % 3)])) for user in range(30)]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    tests = [f"{user} {next(item for item in range(12) if not (item + user) % 3)}" for user in range(30)]
    (tmp_path / "test.txt").write_text("\n".join(tests) + "\n")
    labelled = [f"you are a stupid idiot number {n},rude\nwhat a lovely day number {n},kind" for n in range(12)]
    (tmp_path / "labelled.csv").write_text("text,label\n" + "\n".join(labelled) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FEEDSCOPE_WORKSPACE": str(demo_workspace)}
    for command in IN_THE_SHELL:
        words = [sys.executable, *shlex.split(command)[1:]]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), command
