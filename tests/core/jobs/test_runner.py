import time

import pytest

from core.errors import FeedscopeError, SettingError
from core.jobs import runner as runner_module
from core.workspace import Workspace


@pytest.fixture
def kinds(monkeypatch):
    """Lets a test name functions as kinds of jobs."""
    functions = {}
    monkeypatch.setattr(runner_module, "KINDS", functions)
    monkeypatch.setattr(runner_module, "job_function", functions.__getitem__)
    return functions


def wait_for(workspace, job_id, *states):
    for _ in range(200):
        job = workspace.jobs.get(job_id)
        if job.state in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job is still {job.state}")


def test_a_job_runs_in_the_background_and_keeps_its_result(workspace, kinds):
    def count(context):
        for done in range(5):
            context.report("counting", done + 1, 5)
        return {"counted": context.params["to"]}

    kinds["count"] = count
    workspace.jobs.start()
    job = wait_for(workspace, workspace.jobs.submit("count", {"to": 5}, title="Count"), "done")
    assert (job.result, job.phase, job.done, job.total) == ({"counted": 5}, "counting", 5, 5)
    assert workspace.jobs.list()[0] == job


def test_a_job_is_stopped_and_goes_on_at_its_checkpoint(workspace, kinds):
    started_from = []

    def step(context):
        started_from.append(context.checkpoint.get("step", 0))
        for number in range(started_from[-1], 10):
            with workspace.transaction() as cursor:
                context.save_checkpoint(cursor, {"step": number})
            if number == 5 and len(started_from) == 1:
                workspace.jobs.stop(context.id)
            context.report("stepping", number, 10)
        return {}

    kinds["step"] = step
    workspace.jobs.start()
    job_id = workspace.jobs.submit("step", {}, title="Step")
    stopped = wait_for(workspace, job_id, "stopped")
    assert stopped.checkpoint == {"step": 5}
    workspace.jobs.resume(job_id)
    wait_for(workspace, job_id, "done")
    assert started_from == [0, 5]


def test_a_failed_job_says_why_and_the_next_one_runs(workspace, kinds):
    def refuse(context):
        raise FeedscopeError("The file is empty.")

    kinds["refuse"] = refuse
    kinds["fine"] = lambda context: {}
    workspace.jobs.start()
    failed = workspace.jobs.submit("refuse", {}, title="Refuse")
    fine = workspace.jobs.submit("fine", {}, title="Fine")
    assert wait_for(workspace, failed, "failed").error == "The file is empty."
    assert wait_for(workspace, fine, "done").result == {}


def test_what_a_dead_process_left_running_goes_on(settings, fake_encoders, kinds):
    kinds["fine"] = lambda context: {"done": True}
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        running = workspace.jobs.submit("fine", {}, title="Was running")
        stopping = workspace.jobs.submit("fine", {}, title="Was stopping")
        with workspace.transaction() as cursor:
            cursor.execute("UPDATE jobs SET state = 'running' WHERE id = ?", [running])
            cursor.execute("UPDATE jobs SET state = 'stopping' WHERE id = ?", [stopping])
    with Workspace.open(settings.workspace, settings) as workspace:
        assert workspace.jobs.get(stopping).state == "stopped"
        workspace.jobs.start()
        assert wait_for(workspace, running, "done").result == {"done": True}


def test_run_now_raises_the_jobs_error(workspace, kinds):
    def refuse(context):
        raise FeedscopeError("No.")

    kinds["refuse"] = refuse
    with pytest.raises(FeedscopeError, match="No"):
        workspace.jobs.run_now("refuse", {}, title="Refuse")
    with pytest.raises(SettingError, match="nonsense"):
        workspace.jobs.submit("nonsense", {}, title="?")


def test_what_somebody_waits_for_goes_first(workspace, kinds):
    ran = []
    kinds["long"] = lambda context: ran.append("long") or {}
    kinds["export"] = lambda context: ran.append("export") or {}
    workspace.jobs.submit("long", {}, title="A training")
    workspace.jobs.submit("long", {}, title="Another")
    workspace.jobs.submit("export", {}, title="An export")
    workspace.jobs.start()
    for job in workspace.jobs.list():
        wait_for(workspace, job.id, "done")
    assert ran == ["export", "long", "long"]
