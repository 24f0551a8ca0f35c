"""What a hybrid query costs beyond encoding its parts: p50 and p95 over a workspace that is given.

    python -m tests.bench.search WORKSPACE [QUERIES]

Run it on a workspace of 8,000 posts and on one of 200,000. The encoding of the parts is timed in the same run.
"""

import json
import sys
from pathlib import Path

import numpy as np

from core.search.search import search
from core.settings import Settings
from core.types import Filters, Query, QueryPart
from core.workspace import Workspace


def measure(folder, queries=200):
    settings = Settings(workspace=Path(folder).absolute())
    with Workspace.open(settings.workspace, settings) as workspace:
        texts = (
            workspace.cursor()
            .execute("SELECT text FROM posts WHERE length(text) > 20 ORDER BY hash(row) LIMIT ?", [queries + 5])
            .fetchall()
        )
        words = [" ".join(text.split()[:4]) for (text,) in texts]
        (posts,) = workspace.cursor().execute("SELECT count(*) FROM posts").fetchone()
        for query in words[:5]:
            search(workspace, Query((QueryPart("text", query),)))
        results = {"posts": posts, "queries": len(words) - 5}
        for name, filters in (("", Filters()), ("_filtered", Filters(min_likes=1))):
            found = [search(workspace, Query((QueryPart("text", query),), filters)) for query in words[5:]]
            beyond = [result.elapsed_ms - result.encode_ms for result in found]
            results |= {
                f"beyond_encoding_ms_p50{name}": round(float(np.percentile(beyond, 50)), 2),
                f"beyond_encoding_ms_p95{name}": round(float(np.percentile(beyond, 95)), 2),
                f"encode_ms_p50{name}": round(float(np.percentile([r.encode_ms for r in found], 50)), 2),
            }
        return results


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
