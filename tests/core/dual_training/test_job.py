"""A workspace trains the encoder on its own posts, in its own processes, and then searches by what it trained."""

import csv

import numpy as np
import pytest
from PIL import Image

from core.dual_training import job as dual_job
from core.dual_training.job import JOB, SERVE_JOB, own_models, training_now
from core.encoders.loading import PACKAGED_DUAL
from core.errors import ImportFailed, JobStopped, ModelError, SettingError
from core.settings import Settings
from core.workspace import Workspace

COLOURS = ["red", "blue", "green", "yellow", "black", "white"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Fifty-four posts, each with a picture of a colour and its name."""
    folder = tmp_path_factory.mktemp("own")
    rows = [["post_id", "text", "image"]]
    for at in range(54):
        colour = COLOURS[at % len(COLOURS)]
        noise = np.random.default_rng(at).integers(0, 40, (48, 48, 3), dtype=np.uint8)
        Image.blend(Image.new("RGB", (48, 48), colour), Image.fromarray(noise), 0.2).save(folder / f"{at}.png")
        rows.append([f"p{at}", f"All {colour} today, number {at}", f"{at}.png"])
    with (folder / "posts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    settings = Settings(workspace=folder / "workspace", threads=1)
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        workspace.jobs.run_now("ingest", {"path": str(folder / "posts.csv")}, title="Ingest")
        yield workspace


def test_trains_stops_goes_on_and_serves(made, monkeypatch):
    packaged = made.indexes.space("dual")
    assert packaged is not None
    params = {"epochs": 2, "seed": 0, "init": True, "serve": False}

    def stop_after_an_epoch(job):
        if "epoch 2" in job.phase:
            made.jobs.stop(job.id)

    with pytest.raises(JobStopped):
        made.jobs.run_now(JOB, params, title="Train", listener=stop_after_an_epoch)
    assert len(training_now(made)["losses"]) == 1
    assert own_models(made) == {}
    phases = []
    result = made.jobs.run_now(JOB, params, title="Train", listener=lambda job: phases.append(job.phase)).result
    assert not any("epoch 1" in phase for phase in phases)  # it went on from the checkpoint
    assert result["pictures"] == 54 and len(result["losses"]) == 2 and result["before_r@10"]
    assert training_now(made) == {} and not (made.path / "models" / "training").exists()
    assert list(own_models(made)) == [result["model"]]
    assert made.indexes.space("dual") == packaged  # the old one serves

    # While the new space fills, the old one answers.
    serving = []
    made.jobs.run_now(SERVE_JOB, {"model": result["model"]}, title="Serve",
                      listener=lambda job: serving.append(made.indexes.space("dual")))  # fmt: skip
    assert serving and set(serving) == {packaged}
    own = made.indexes.space("dual")
    assert own is not None and own.model_id == f"feedscope-{result['model'].removesuffix('.safetensors')}"
    assert len(made.indexes.vector("dual")) == 54
    assert made.encoder("dual").space == own
    made.jobs.run_now(SERVE_JOB, {"model": None}, title="Serve")
    assert made.indexes.space("dual") == packaged and made.encoder("dual").space == packaged
    with pytest.raises(SettingError, match=r"no trained model other\.safetensors"):
        made.jobs.run_now(SERVE_JOB, {"model": "other.safetensors"}, title="Serve")


def test_a_model_that_does_not_help_does_not_serve(made, monkeypatch):
    def train(context, plan):
        name = "dual-0badf00d.safetensors"
        (made.path / "models" / name).write_bytes(PACKAGED_DUAL.read_bytes())
        return name, {"epoch": 0, "model": name}

    monkeypatch.setattr(dual_job, "_train", train)
    result = made.jobs.run_now(JOB, {"serve": True}, title="Train").result
    assert result["served"] is False and made.own_dual is None
    (made.path / "models" / result["model"]).unlink()


def test_a_model_that_is_gone_is_named(made):
    made.serve_dual("dual-00000000.safetensors")
    try:
        with pytest.raises(ModelError, match=r"dual-00000000\.safetensors is not there"):
            made.encoder("dual")
    finally:
        made.serve_dual(None)


def test_settings_that_name_an_encoder_go_first(made, tmp_path):
    made.serve_dual("dual-00000000.safetensors")
    try:
        assert made.model_setting("dual") == "own:dual-00000000.safetensors"
        other = Settings(workspace=made.path, dual_model="open_clip:ViT-B-32:x")
        made.settings, before = other, made.settings
        assert made.model_setting("dual") == "open_clip:ViT-B-32:x" and made.models() == other
        made.settings = before
    finally:
        made.serve_dual(None)


def test_too_few_posts_are_named(made, monkeypatch):
    monkeypatch.setattr(dual_job, "LEAST_POSTS", 100)
    with pytest.raises(ImportFailed, match="54 posts have both a text and a picture: training needs 100"):
        made.jobs.run_now(JOB, {}, title="Train")
