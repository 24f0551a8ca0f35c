"""Lists that another recommender made: which there are, and a way to bring more."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from core.errors import FeedscopeError
from core.recommend.imported import import_lists
from dashboard import resources
from dashboard.components.figures import day_and_time, number, table
from dashboard.components.notices import notice
from dashboard.components.text import clean, element, foreign, show
from dashboard.resources import recommend

_TYPES = ["csv", "tsv", "parquet", "npz"]
_SAID = "recommend.import_said"


def draw_imported(*, changes: bool) -> None:
    """A table of what was imported, and for those who may bring data in an upload."""
    found = recommend.imported()
    if not found and not changes:
        return
    show(
        element("h2", "Made elsewhere"),
        element(
            "p",
            "Lists of your own recommender are inspected like ours. Bring a table with user, item, score and model, an"
            " .npz of user and item vectors, or, with rank and shown_at, what was shown to whom.",
            class_="fs-faint",
        ),
    )
    if found:
        rows = [[foreign(name), number(users), f"{day_and_time(at)} UTC"] for name, users, at in found]
        show(table(["Recommender", "Users", "Imported"], rows, numeric=(1,)))
    if not changes:
        return
    with st.form("recommend.import", clear_on_submit=True, border=False):
        file = st.file_uploader("A file of lists", type=_TYPES, key="recommend.import_file")
        if st.form_submit_button("Import", icon=":material/upload:") and file is not None:
            _take_in(file.name, file.getvalue())
            st.rerun()
    if _SAID in st.session_state:
        said, worked = st.session_state.pop(_SAID)
        notice(said, kind="info" if worked else "error")


def _take_in(name: str, data: bytes) -> None:
    """Imports an uploaded file and keeps what came of it for the next run."""
    workspace = resources.workspace()
    with tempfile.TemporaryDirectory(dir=workspace.path / "tmp") as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(data)
        try:
            found = import_lists(workspace, path, model=clean(Path(name).stem)[:80])
        except FeedscopeError as error:
            st.session_state[_SAID] = str(error).replace(str(path), path.name).replace(path.name, clean(name)), False
            return
    counted = ((key.replace("_", " "), value) for key, value in found.items() if isinstance(value, int))
    counts = ", ".join(f"{value:,} {key.removesuffix('s') if value == 1 else key}" for key, value in counted)
    st.session_state[_SAID] = f"{clean(name)} is imported: {counts}.", True
