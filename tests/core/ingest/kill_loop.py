"""Run by test_crash: ingests a folder with the fake encoder, until it is done or killed."""

import sys
from pathlib import Path

from core import indexing
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import InProcessEncoder
from tests.fake_encoder import FakeEncoder

folder, source = Path(sys.argv[1]), sys.argv[2]
Workspace.encoder = lambda self, kind: FakeEncoder(kind)
indexing.open_batch_encoder = InProcessEncoder
indexing.ENCODE_CHUNK = {"text": 50, "dual": 10}
from core.ingest import pipeline

pipeline.BATCH_POSTS = 40
with Workspace.open(folder, Settings(workspace=folder, threads=1), create=True) as workspace:
    print("opened", flush=True)
    unfinished = [job for job in workspace.jobs.list() if job.state == "queued"]
    if unfinished:
        workspace.jobs.start()
        import time

        while any(job.active for job in workspace.jobs.list()):
            time.sleep(0.01)
    else:
        workspace.jobs.run_now("ingest", {"path": source}, title="Ingest")
    print("done", flush=True)
