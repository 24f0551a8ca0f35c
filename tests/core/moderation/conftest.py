import numpy as np
import pytest

from core.database.moderation import store_scores
from core.jobs.runner import utc_now
from core.moderation.roles import Person

POSTS = """id,text,author,date,likes,lang
good,The tomatoes in our garden are ripe at last,ann,2024-01-01,30,en
rude,You are a horrible fool and nobody likes you,bob,2024-02-01,4,en
rude2,You are a horrible fool and nobody likes you at all,bob,2024-02-02,1,en
spam,Win a free prize now at https://prize.example/x1 before midnight,eve,2024-03-01,0,en
spam2,Win a free prize now at https://prize.example/x2 before midnight,mal,2024-03-01,0,en
leer,Die Katze schläft auf dem Sofa und träumt,ann,2024-03-02,7,de
"""

ANN = Person("ann@example.org", "reviewer")
BEN = Person("ben@example.org", "reviewer")
LEA = Person("lea@example.org", "lead")
VIC = Person("vic@example.org", "viewer")
ADA = Person("ada@example.org", "admin")


@pytest.fixture
def posted(workspace, tmp_path):
    """A workspace of six posts, unscored."""
    (tmp_path / "posts.csv").write_text(POSTS)
    workspace.jobs.run_now("ingest", {"path": str(tmp_path / "posts.csv")}, title="Import")
    return workspace


def set_scores(workspace, policy, scores):
    """Gives posts scores of a policy, by id."""
    found = dict(workspace.cursor().execute("SELECT id, row FROM posts").fetchall())
    hashes = dict(workspace.cursor().execute("SELECT id, text_hash FROM posts").fetchall())
    ids = sorted(scores, key=found.get)
    with workspace.transaction() as cursor:
        store_scores(
            cursor, policy, np.array([found[i] for i in ids]), [hashes[i] for i in ids],
            np.array([scores[i] for i in ids], np.float32), model_id="test", now=utc_now(),
        )  # fmt: skip


@pytest.fixture
def scored(posted):
    set_scores(posted, "insult", {"good": 0.02, "rude": 0.97, "rude2": 0.91, "spam": 0.1, "spam2": 0.1})
    set_scores(posted, "spam", {"good": 0.02, "rude": 0.1, "spam": 0.99, "spam2": 0.98})
    return posted
