import os
import subprocess
import sys
import time

import psutil
import pytest

from core.errors import JobFailed, JobStopped, PictureError
from core.jobs.child import Child
from core.settings import ROOT


def test_serves_many_calls_and_reports_progress():
    seen = []
    with Child("tests.core.jobs.children:double") as child:
        assert child.call({"number": 4}, lambda done, total: seen.append((done, total))) == {"doubled": 8}
        assert child.call({"number": 5}) == {"doubled": 10}
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_an_error_for_the_user_keeps_its_kind_and_sentence():
    with Child("tests.core.jobs.children:refuse") as child, pytest.raises(PictureError, match="note.txt is no picture"):
        child.call({"name": "note.txt"})


def test_a_killed_child_is_a_failed_job():
    with Child("tests.core.jobs.children:die") as child, pytest.raises(JobFailed, match="killed"):
        child.call({})


def test_a_bug_in_the_child_shows_its_last_words():
    with Child("tests.core.jobs.children:double") as child, pytest.raises(JobFailed, match="KeyError: 'number'"):
        child.call({})


def test_stopping_kills_the_child_at_once():
    asked = []
    with Child("tests.core.jobs.children:sleep", stopped=lambda: bool(asked)) as child, pytest.raises(JobStopped):
        child.call({}, lambda done, total: asked.append(True))


def test_the_child_ends_when_its_parent_is_killed():
    script = (
        "from core.jobs.child import Child\n"
        "child = Child('tests.core.jobs.children:sleep')\n"
        "child.send({})\n"
        "print(child._process.pid, flush=True)\n"
        "child.receive(lambda done, total: None)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, 9)
        pytest.fail("the child outlived its parent")
    assert parent.returncode == -9
