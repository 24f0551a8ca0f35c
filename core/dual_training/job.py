"""Training the encoder of words and pictures on the workspace's own posts, and putting it to use.

The new model is a file in the workspace's ``models/``; its space is filled beside the one that serves, which goes on
answering until the new one is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.dual_training.training import history_file
from core.encoders.packaged_weights import file_sha256
from core.errors import ImportFailed, SettingError
from core.indexing import encode_pending

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

JOB = "dual_train"
SERVE_JOB = "dual_serve"
LEAST_POSTS = 50
RUN = "training"
"""The folder below ``models/`` of a training that is not done: features, a checkpoint, how it goes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``init``: go on from the packaged encoder (as a rule) or from random heads. ``serve``: encode the pictures with
    the new model afterwards and search by it, where it finds held-out pictures better than what it started from."""

    epochs: int = 6
    seed: int = 0
    init: bool = True
    serve: bool = True


def count_pairs(workspace: Workspace) -> int:
    """How many pictures with a text beside them the posts hold."""
    return len(_pairs(workspace)[1])


def run(context: JobContext) -> dict[str, Any]:
    """The job ``dual_train``, with a Plan's fields as params. Gives what
    :func:`core.dual_training.training.train_dual` does, and ``model``, the file's name in ``models/``.

    Stopped or killed and started again, it goes on after its last whole epoch. Raises ImportFailed where too few posts
    have both a text and a picture.
    """
    plan = Plan(**context.params)
    workspace = context.workspace
    name = context.checkpoint.get("model")
    result: dict[str, Any] = context.checkpoint.get("result", {})
    if name is None or not (workspace.path / "models" / name).is_file():
        name, result = _train(context, plan)
        with workspace.transaction() as cursor:
            context.save_checkpoint(cursor, {"model": name, "result": result})
    better = result["epoch"] > 0
    if plan.serve and better:
        _serve(context, name)
    return {**result, "model": name, "served": plan.serve and better}


def run_serve(context: JobContext) -> dict[str, Any]:
    """The job ``dual_serve``: fills the space of the file ``model`` of ``models/`` and searches by it from then on;
    without one, by the packaged encoder again."""
    name = context.params.get("model")
    if name is None:
        context.workspace.serve_dual(None)
        encode_pending(context, "dual")
    elif name not in own_models(context.workspace):
        raise SettingError(f"The workspace has no trained model {name}.")
    else:
        _serve(context, name)
    return {"model": name}


def own_models(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Trained files of the workspace, newest first, with how their training went."""
    found = {}
    files = sorted((workspace.path / "models").glob("dual-*.safetensors"), key=lambda p: p.stat().st_mtime_ns)
    for path in reversed(files):
        told = history_file(path)
        try:
            found[path.name] = json.loads(told.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found[path.name] = {}
    return found


def training_now(workspace: Workspace) -> dict[str, Any]:
    """Losses and recalls of the epochs so far of the training that runs, or was stopped; empty before the first."""
    try:
        found: dict[str, Any] = json.loads(history_file(_run_folder(workspace) / "dual.safetensors").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _run_folder(workspace: Workspace) -> Path:
    return workspace.path / "models" / RUN


def _pairs(workspace: Workspace) -> tuple[list[str], list[str], list[int]]:
    """(picture files, texts, which picture each text belongs to); hidden posts are left out."""
    rows = (
        workspace.cursor()
        .execute(
            "SELECT m.path, p.text FROM media m JOIN posts p ON p.row = m.post_row WHERE m.path IS NOT NULL"
            " AND trim(p.text) <> '' AND p.row NOT IN (SELECT row FROM hidden_posts) ORDER BY m.row"
        )
        .fetchall()
    )
    numbers: dict[str, int] = {}
    owner = [numbers.setdefault(path, len(numbers)) for path, _ in rows]
    return list(numbers), [text for _, text in rows], owner


def _train(context: JobContext, plan: Plan) -> tuple[str, dict[str, Any]]:
    workspace = context.workspace
    pictures, texts, owner = _pairs(workspace)
    if len(texts) < LEAST_POSTS:
        raise ImportFailed(
            f"{len(texts)} posts have both a text and a picture: training needs {LEAST_POSTS}, and is worth its time"
            " from about a thousand on."
        )
    folder = _run_folder(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    given = folder / "pairs.json"
    given.write_text(
        json.dumps({"pictures": [str(workspace.media_folder / path) for path in pictures], "texts": texts, "of": owner})
    )
    out = folder / "dual.safetensors"
    if not (folder / "cache" / "checkpoint.safetensors").is_file():
        history_file(out).unlink(missing_ok=True)
    with context.child("core.dual_training.job:train_in_child") as child:
        params = {"pairs": str(given), "out": str(out), "threads": workspace.settings.threads, "plan": asdict(plan)}
        result = child.call(params, lambda done, total, note: context.report(note, done, total))
    name = f"dual-{file_sha256(out)[:8]}.safetensors"
    shutil.move(history_file(out), history_file(workspace.path / "models" / name))
    shutil.move(out, workspace.path / "models" / name)
    shutil.rmtree(folder)
    return name, result


def train_in_child(params: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """The child's part: trains on the pairs of a file. Called by :mod:`core.jobs.child`."""
    import torch

    from core.dual_training.heads import FINE_RATE, FINE_TAIL_RATE, TunedRecipe
    from core.dual_training.training import train_dual
    from core.encoders.loading import PACKAGED_DUAL
    from core.evaluation.retrieval import CaptionedPictures
    from core.settings import Settings

    torch.set_num_threads(Settings(threads=params["threads"]).thread_count())
    plan = Plan(**params["plan"])
    found = json.loads(Path(params["pairs"]).read_text())
    data = CaptionedPictures(
        tuple(Path(path) for path in found["pictures"]), tuple(found["texts"]), np.array(found["of"], np.int64)
    )
    recipe = TunedRecipe(epochs=plan.epochs, seed=plan.seed)
    if plan.init:
        recipe = replace(recipe, rate=FINE_RATE, tail_rate=FINE_TAIL_RATE)
    out = Path(params["out"])
    return train_dual(
        data, out, init=PACKAGED_DUAL if plan.init else None, recipe=recipe, cache=out.parent / "cache", report=report
    )


def _serve(context: JobContext, name: str) -> None:
    space = encode_pending(context, "dual", own_dual=name)
    if space is None:
        raise SettingError("The workspace has no pictures to search.")
    context.workspace.indexes.store.save(context, space)
    context.workspace.serve_dual(name, space.model_id)
