"""Runs heavy work in a child process, so that it can be stopped at once and can't freeze a page.

The parent writes one JSON line a call, the child answers ``{"progress": [done, total, ...]}`` lines and then one
``{"result": ...}`` or ``{"error": ...}`` line. Arrays go by file. The child never opens the workspace's database, and
ends by itself when its parent is gone. One child serves many calls, so that a model is loaded once.
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import IO, Any

from core import errors
from core.errors import FeedscopeError, JobFailed, JobStopped
from core.settings import ROOT

Report = Callable[..., None]
"""Called with (done, total), or with (done, total, what is being done)."""

# Models free and ask again for large blocks all the time. glibc gives those back to the system and takes them anew,
# page by page, which costs a third of the processor's time; told to keep them, it does not. It is read when a process
# starts.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(16 << 30)}


class Child:
    """A child process that serves calls of ``target``, ``package.module:function(params, report) -> result``."""

    def __init__(self, target: str, *, stopped: Callable[[], bool] = lambda: False) -> None:
        self._target = target
        self._stopped = stopped
        self._log: IO[bytes] = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, params: dict[str, Any], report: Report | None = None) -> dict[str, Any]:
        """Sends one call and waits. Raises JobStopped when ``stopped()`` turns true (the child is killed), JobFailed
        where the child dies, and the FeedscopeError that the function raised."""
        self.send(params)
        return self.receive(report)

    def send(self, params: dict[str, Any]) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.child", self._target],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=ROOT,
                env={**KEEP_MEMORY, **os.environ},
                bufsize=0,
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(params).encode() + b"\n")
        except BrokenPipeError:
            raise self._death() from None

    def receive(self, report: Report | None = None) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if self._stopped():
                    self.close()
                    raise JobStopped("Stopped.")
                if not selector.select(timeout=0.2):
                    continue
                received = os.read(self._process.stdout.fileno(), 1 << 16)
                if not received:
                    raise self._death()
                buffer += received
                while b"\n" in buffer:
                    line, _, buffer = buffer.partition(b"\n")
                    message = json.loads(line)
                    if "progress" in message:
                        if report is not None:
                            report(*message["progress"])
                    elif "error" in message:
                        kind = getattr(errors, message["kind"], None)
                        raise (kind or JobFailed)(message["error"])
                    else:
                        result: dict[str, Any] = message["result"]
                        return result

    def _death(self) -> JobFailed:
        assert self._process is not None
        code = self._process.wait()
        self._log.seek(0)
        tail = self._log.read()[-2000:].decode(errors="replace").strip()
        self.close()
        why = "it was killed, perhaps for want of memory" if code == -9 else f"exit status {code}"
        return JobFailed(f"The process for {self._target.split(':')[0]} ended: {why}. {tail}".strip())

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._log.close()


def _serve(target: str) -> None:
    # Whatever a library prints must not end up between the protocol's lines.
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, name = target.partition(":")
    function = getattr(import_module(module), name)
    calls: queue.Queue[str] = queue.Queue()

    def read_calls() -> None:
        for line in sys.stdin:
            calls.put(line)
        os._exit(0)  # the parent is gone; whatever runs has nobody to answer to

    threading.Thread(target=read_calls, daemon=True).start()

    def answer(message: dict[str, Any]) -> None:
        protocol.write(json.dumps(message) + "\n")
        protocol.flush()

    while True:
        params = json.loads(calls.get())
        try:
            answer({"result": function(params, lambda *said: answer({"progress": said}))})
        except FeedscopeError as error:
            answer({"error": str(error), "kind": type(error).__name__})


if __name__ == "__main__":
    _serve(sys.argv[1])
