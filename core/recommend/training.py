"""The job ``recommend``: trains recommenders on what a workspace knows, judges them by time, and has them serve."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.database import recommend as table
from core.errors import ModelError
from core.recommend.acts import HALF_LIFE_DAYS, Acts, all_acts
from core.recommend.child import CHILD
from core.recommend.interactions import faded
from core.recommend.models import MODELS, TITLES
from core.recommend.post_features import Recipe, learn_recipe
from core.recommend.profile_features import ProfileRecipe, learn_profiles
from core.recommend.trained import ROWS, USERS, folder_of, open_trained, publish

if TYPE_CHECKING:
    from core.jobs.runner import JobContext

DEFAULT = ("two-tower", "ials", "item-knn", "popularity", "recent-popularity")
HELD_SHARE = 0.15
"""Of the acts, the newest are held out to judge by."""

WORKSPACE_SETTINGS: dict[str, dict[str, Any]] = {
    "two-tower": {"epochs": 60, "patience": 8, "least_history": 3},
    "item-knn": {"neighbours": 100},
    "ease": {"regularization": 100.0},
}


def train_params(models: tuple[str, ...] = DEFAULT, *, seed: int = 0) -> dict[str, Any]:
    """The parameters of the job. Raises ModelError for an unknown recommender."""
    for name in models:
        if name not in MODELS:
            raise ModelError(f"There is no recommender {name!r}; there are {', '.join(MODELS)}.")
    return {"models": list(models), "seed": seed}


def run(context: JobContext) -> dict[str, Any]:
    """The job ``recommend``: params as train_params gives them. What is trained is kept model by model, so that a job
    that goes on trains only those that are left. Gives the figures of each, and why one could not be trained."""
    workspace = context.workspace
    generation = workspace.generation
    context.report("reading what people did", 0, None)
    acts = all_acts(workspace)
    if not acts.matrix.nnz:
        raise ModelError(
            "There are no interactions to learn from: import likes, reposts or replies with the posts, or posts with"
            " authors."
        )
    recipe, content = learn_recipe(workspace, acts.posts)
    profiles = learn_profiles(workspace, acts.users)
    done: dict[str, Any] = dict(context.checkpoint.get("done", {}))
    with tempfile.TemporaryDirectory(dir=workspace.path / "tmp") as name, context.child(CHILD) as child:
        folder = Path(name)
        cut = _write_arrays(context, acts, content, None if profiles is None else profiles[1], folder)
        for model in context.params.get("models") or DEFAULT:
            if model in done:
                continue
            phase = f"training {TITLES[model]}"
            unfinished = workspace.path / "recommend" / "unfinished" / model
            context.report(phase, 0, None)
            out = folder / model
            params = {
                "folder": name, "model": model, "out": str(out), "cut": cut, "seed": context.params.get("seed", 0),
                "unfinished": str(unfinished),
                "threads": workspace.settings.thread_count(),
                "settings": {**WORKSPACE_SETTINGS.get(model, {}), **context.params.get("settings", {}).get(model, {})},
            }  # fmt: skip
            try:
                found = child.call(params, lambda at, of, phase=phase: context.report(phase, at, of))
            except ModelError as error:
                done[model] = {"problem": str(error)}
                continue
            _keep(context, model, out, acts, recipe, profiles[0] if profiles else None, found, generation)
            shutil.rmtree(unfinished, ignore_errors=True)
            done[model] = {**found["figures"], "seconds": round(found["seconds"], 1)}
            with workspace.transaction() as cursor:
                context.save_checkpoint(cursor, {"done": done})
    if all("problem" in one for one in done.values()):
        raise ModelError(next(iter(done.values()))["problem"])
    return {"models": done, "users": len(acts.users), "posts": len(acts.posts), "acts": int(acts.matrix.nnz)}


def _write_arrays(
    context: JobContext, acts: Acts, content: NDArray[np.float32], profile: NDArray[np.float32] | None, folder: Path
) -> str:
    """What the child reads. The newest acts are late; where times are lacking, a seeded part is."""
    known = np.isfinite(acts.moments)
    if known.mean() > 0.5:
        cut = float(np.quantile(acts.moments[known], 1 - HELD_SHARE))
        late = np.nan_to_num(acts.moments, nan=-np.inf) > cut
        said = datetime.fromtimestamp(cut, UTC).replace(tzinfo=None).isoformat(" ", "minutes")
    else:
        cut = np.nan
        late = np.random.default_rng(int(context.params.get("seed", 0))).random(len(known)) < HELD_SHARE
        said = "no times: a seeded part"
    found = context.workspace.cursor().execute("SELECT epoch(created_at) FROM posts ORDER BY row").fetchnumpy()
    written = np.ma.filled(next(iter(found.values())).astype(np.float64), np.nan)
    age = np.nan_to_num((cut - written) / 86400, nan=1e6).astype(np.float32)
    matrix = acts.matrix
    np.savez(
        folder / "arrays.npz", data=matrix.data, indices=matrix.indices, indptr=matrix.indptr,
        shape=np.array(matrix.shape), age_days=acts.age_days, late=late, content=content, post_age=age,
        faded=faded(matrix, acts.age_days, HALF_LIFE_DAYS).data,
        profile=np.empty((0, 0), np.float32) if profile is None else profile,
    )  # fmt: skip
    return said


def _keep(
    context: JobContext, model: str, out: Path, acts: Acts, recipe: Recipe, profiles: ProfileRecipe | None,
    found: dict[str, Any], generation: int,
) -> None:  # fmt: skip
    import json

    workspace = context.workspace

    def write(version: Path) -> None:
        shutil.copytree(out, version, dirs_exist_ok=True)
        np.save(version / ROWS, acts.posts)
        (version / USERS).write_text(json.dumps(acts.users))
        if model == "two-tower":
            recipe.save(version / "features")
            if profiles is not None:
                profiles.save(version / "profiles")

    trained_at = datetime.now(UTC).replace(tzinfo=None)
    row = table.TrainingRow(
        0, model, trained_at, generation, found["seconds"], found["settings"], found["figures"], found["curve"]
    )
    with workspace.transaction() as cursor:
        number = table.insert_training(cursor, row)
    derived.write(folder_of(workspace, model), generation, write, model=model, training=number)
    if model == "two-tower":
        publish(workspace, context.report)
        space = open_trained(workspace, model).space
        assert space is not None
        workspace.indexes.store.save(context, space)
