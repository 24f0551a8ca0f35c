"""Peak memory and speed of an ingest, children included.

    python -m tests.bench.ingest PATH [LIMIT [WORKSPACE]]

The workspace is made in a temporary folder and thrown away, unless a folder is named for it: later measurements can
then start from it. Prints posts, seconds, posts a second, and the peak of the memory that the process and its children
hold together (proportional set size where the system tells it, so that shared pages count once).
"""

import json
import subprocess
import sys
import tempfile
import time

import psutil

from core.settings import ROOT


def memory_of(process):
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            full = one.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.NoSuchProcess:
            continue
    return total


def measure(path, limit=None, workspace=None):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core", "ingest", path, "--json"]
        command += ["--workspace", workspace or f"{folder}/workspace"]
        command += ["--limit", str(limit)] if limit else []
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            try:
                peak = max(peak, memory_of(watched))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.25)
        seconds = time.perf_counter() - started
        result = json.loads(process.stdout.read())
    return {
        "posts": result["added"],
        "seconds": round(seconds, 1),
        "posts_per_second": round(result["added"] / seconds, 1),
        "peak_memory_mb": round(peak / 1e6),
    }


if __name__ == "__main__":
    path, limit, workspace = (*sys.argv[1:4], None, None)[:3]
    print(json.dumps(measure(path, int(limit or 0), workspace)))
