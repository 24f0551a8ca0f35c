"""Rows a second of each reader, without storing or encoding, and DuckDB's own read of the same file beside it.

    python -m tests.bench.readers [ROWS [KIND ...]]

The files are made up, from a fixed seed, in a temporary folder. Seconds are those of the processor, so that what else
runs on the machine counts little; ``peak_mb`` is how much the memory in Python's hands rose while reading.
"""

import csv
import json
import random
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from core.ingest.recognise import read, recognise
from core.ingest.records import Failure

WORDS = ["harbour", "fog", "ferry", "pier", "market", "storm", "gull", "&amp;", "tide", "雨", "café", "quay", "#sea"]


def tweet(rng, n):
    author = int(rng.paretovariate(1)) % 5000  # a few write much, many write little
    return {
        "tweet_id": 1_700_000_000_000_000_000 + n,
        "text": " ".join(rng.choices(WORDS, k=rng.randint(8, 30))),
        "created_at": f"2023-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T10:{rng.randint(10, 59)}:00Z",
        "author_id": str(author),
        "author_username": f"user{author}",
        "likes": rng.randint(0, 500),
        "retweets": rng.randint(0, 50),
        "lang": "en",
        "hashtags": "sea,fog",
        "place": "Old Quay",
    }


def fourcat(rng, n):
    post = tweet(rng, n)
    return {
        "id": post["tweet_id"], "thread_id": post["tweet_id"], "timestamp": "2023-09-08 10:00:00",
        "unix_timestamp": 1694167200 + n, "link": f"https://x.com/u/status/{post['tweet_id']}", "body": post["text"],
        "author": post["author_username"], "author_fullname": "Somebody", "author_id": post["author_id"],
        "source": "Web", "language_guess": "en", "possibly_sensitive": "no", "reply_count": 1,
        "retweet_count": post["retweets"],
        "like_count": post["likes"], "quote_count": 0, "is_retweet": "no", "is_reply": "no", "hashtags": "sea",
        "images": "",
    }  # fmt: skip


def event(rng, n):
    post = tweet(rng, n)
    record = {"$type": "app.bsky.feed.post", "text": post["text"], "createdAt": post["created_at"], "langs": ["en"]}
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": f"3k{n}", "record": record}
    return {"did": f"did:plc:{post['author_id']}", "time_us": 1694167200000000 + n, "kind": "commit", "commit": commit}


def status(rng, n):
    post = tweet(rng, n)
    account = {
        "id": post["author_id"],
        "acct": post["author_username"],
        "display_name": "Somebody",
        "note": "<p>Sea</p>",
    }
    return {
        "id": str(n), "created_at": post["created_at"], "content": f"<p>{post['text']}<br>more</p>", "language": "en",
        "account": account, "reblogs_count": 1, "favourites_count": 2, "replies_count": 0, "media_attachments": [],
        "tags": [{"name": "sea"}], "url": f"https://m.example/@u/{n}", "uri": f"https://m.example/u/{n}",
    }  # fmt: skip


def comment(rng, n):
    post = tweet(rng, n)
    return {
        "id": f"c{n}", "body": post["text"], "author": post["author_username"], "created_utc": str(1694167200 + n),
        "subreddit": "harbour", "subreddit_id": "t5_1", "link_id": "t3_a", "parent_id": "t3_a", "score": 3, "gilded": 0,
        "controversiality": 0, "permalink": f"/r/harbour/comments/a/b/c{n}/", "distinguished": None, "stickied": False,
    }  # fmt: skip


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


KINDS = {
    "csv": ("posts.csv", tweet, write_table, "read_csv"),
    "parquet": ("posts.parquet", tweet, write_parquet, "read_parquet"),
    "ndjson": ("posts.ndjson", tweet, write_lines, "read_json"),
    "4cat": ("4cat.csv", fourcat, write_table, "read_csv"),
    "jetstream": ("jetstream.ndjson", event, write_lines, "read_json"),
    "mastodon": ("statuses.ndjson", status, write_lines, "read_json"),
    "reddit": ("comments.ndjson", comment, write_lines, "read_json"),
}  # fmt: skip


def seconds(run):
    started = time.process_time()
    run()
    return time.process_time() - started


def measure(kind, rows, folder):
    name, make, write, function = KINDS[kind]
    rng = random.Random(20)
    path = Path(folder) / name
    write(path, [make(rng, n) for n in range(rows)])
    source = recognise(path)
    failed = []
    taken = min(seconds(lambda: failed.extend(i for i in read(source) if isinstance(i, Failure))) for _ in range(3))
    with duckdb.connect(config={"threads": 1}) as connection:
        theirs = seconds(lambda: connection.execute(f"SELECT * FROM {function}(?)", [str(path)]).to_arrow_table())
    tracemalloc.start()
    for _ in read(source):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "kind": kind,
        "format": source.format,
        "rows": rows,
        "failures": len(failed),
        "rows_per_second": round(rows / taken),
        "duckdb_rows_per_second": round(rows / theirs),
        "peak_mb": round(peak / 1e6, 1),
    }


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps([measure(kind, rows, made) for kind in sys.argv[2:] or KINDS], indent=1))
