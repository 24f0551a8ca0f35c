import numpy as np

from core.database import vectors as vector_table
from core.types import Space

SPACE = Space("text", "model", 4)


def test_what_lacks_a_vector_is_given_piece_by_piece(workspace, monkeypatch):
    monkeypatch.setattr(vector_table, "WINDOW", 2)  # narrower than a piece
    with workspace.new_generation() as (cursor, generation):
        vector_table.ensure_space(cursor, SPACE)
        cursor.execute(
            "INSERT INTO posts (row, id, text, text_hash, content_hash, ingested_at, generation, text_generation)"
            " SELECT range, 'p' || range, 'words', 'h', 'h', now()::TIMESTAMP, ?, ? FROM range(20)",
            [generation, generation],
        )
    cursor = workspace.cursor()
    # Also where nothing is stored yet: there DuckDB 2.0.0 gave all of them for a LEFT JOIN with a LIMIT.
    first = vector_table.pending(cursor, SPACE, after=-1, limit=3)
    assert [item.row for item in first] == [0, 1, 2]
    assert [item.row for item in vector_table.pending(cursor, SPACE, after=2, limit=3)] == [3, 4, 5]
    assert vector_table.count_pending(cursor, SPACE) == 20

    with workspace.new_generation() as (cursor, generation):
        vector_table.store_vectors(
            cursor, SPACE, np.array([0, 1, 2]), ["h", "other", "h"], np.eye(4, dtype=np.float32)[:3],
            generation=generation,
        )  # fmt: skip
    left = vector_table.pending(workspace.cursor(), SPACE, after=-1, limit=2)
    assert [item.row for item in left] == [1, 3]
    assert vector_table.count_pending(workspace.cursor(), SPACE) == 18
    assert [item.row for item in vector_table.pending(workspace.cursor(), SPACE, after=17, limit=5)] == [18, 19]
    assert vector_table.pending(workspace.cursor(), SPACE, after=19, limit=5) == []
