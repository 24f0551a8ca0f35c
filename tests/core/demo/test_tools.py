"""What the demo has made in the background once an app opens it."""

from core.demo.tools import queue_tools
from core.jobs.kinds import job_function


def test_every_page_has_its_job_queued(workspace):
    queued = [workspace.jobs.get(id_) for id_ in queue_tools(workspace)]
    assert {job.state for job in queued} == {"queued"}
    assert [job.kind for job in queued] == ["map", "moderate", "map", "map", "recommend", "duplicates"]
    for job in queued:
        assert callable(job_function(job.kind))
