"""Vector search beside bare Faiss: prints one JSON document. What it takes is what ``python -m core bench vectors``
takes, which it calls."""

import os
import subprocess
import sys

from core.settings import ROOT

if __name__ == "__main__":
    command = [sys.executable, "-m", "core", "bench", "vectors", "--json", *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, cwd=ROOT, env=os.environ, check=False).returncode)
