"""Every measurement that needs nothing but this machine, one JSON line each: ``make bench``.

On larger workspaces run ``python -m tests.bench.search WORKSPACE`` and ``python -m tests.bench.ingest PATH`` by hand.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from core.settings import ROOT


def main():
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        command = [sys.executable, "-m", "core", "demo", "--workspace", str(demo), "--json"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for module, *words in (
            ("encoding",),
            ("ingest_encoding",),
            ("vectors",),
            ("recommend",),
            ("readers", "5000"),
            ("search", str(demo)),
            ("first_page", str(demo)),
            ("maps", str(demo)),
            ("moderation", str(demo), "50"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", f"tests.bench.{module}", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE
            )
            found = json.loads(done.stdout)
            print(json.dumps({"bench": module, **(found if isinstance(found, dict) else {"kinds": found})}), flush=True)


if __name__ == "__main__":
    main()
