import io
from datetime import datetime

import pytest
from PIL import Image

from core.ingest import pipeline
from core.ingest.records import PictureSource, PostRecord, Source
from core.settings import Settings
from core.types import Post
from core.workspace import Workspace
from tests.conftest import use_fake_encoders


def png(colour, size=(60, 60)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def fill_workspace(workspace, folder, *posts):
    """Takes posts in, given as Post fields and the colours of their pictures, through the ordinary pipeline."""
    records = [
        PostRecord(
            Post(**{"source": "test", **fields}),
            where=f"post {number}",
            pictures=tuple(PictureSource(f"{colour}.png", data=png(colour)) for colour in colours),
        )
        for number, (fields, colours) in enumerate(posts)
    ]
    source = Source(folder, "test", len(records), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "recognise", lambda path, **_: source)
        patch.setattr(pipeline, "read", lambda source, **_: iter(records))
        patch.setattr(pipeline, "_sidecar_items", lambda source: iter(()))
        workspace.jobs.run_now("ingest", {"path": str(folder)}, title="Fill")
    return workspace


@pytest.fixture
def fill(workspace, tmp_path):
    return lambda *posts: fill_workspace(workspace, tmp_path, *posts)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A few posts, for tests that only read."""
    folder = tmp_path_factory.mktemp("filled")
    settings = Settings(workspace=folder / "workspace", threads=2)
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        with Workspace.open(settings.workspace, settings, create=True) as workspace:
            yield fill_workspace(workspace, folder, *POSTS)


POSTS = (
    ({"id": "bread", "text": "fresh bread from the oven", "user_id": "ann", "likes": 5, "lang": "en",
      "created_at": datetime(2026, 5, 1), "extra": {"mood": "calm", "n": 3, 'odd "key"': True}}, []),
    ({"id": "bus", "text": "the bus is late again", "user_id": "bob", "likes": 0, "lang": "en",
      "created_at": datetime(2026, 6, 1), "extra": {"mood": "angry"}}, []),
    ({"id": "apple", "text": "look at this", "user_id": "ann", "likes": 50,
      "created_at": datetime(2026, 7, 1)}, ["red"]),
    ({"id": "sea", "text": "holiday", "user_id": "eve", "lang": "de"}, ["blue", "white"]),
    ({"id": "loaf", "text": "another loaf of bread", "user_id": "bob", "likes": None}, ["brown"]),
)  # fmt: skip
