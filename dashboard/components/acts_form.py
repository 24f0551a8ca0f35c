"""Importing a file that holds no posts but who did what to them, or who users are."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import streamlit as st

from core.errors import ImportFailed
from core.ingest.readers.acts import read_acts, read_profiles, recognise_acts
from core.ingest.records import Failure, Source
from core.types import Interaction, User
from dashboard import resources
from dashboard.components.figures import day_and_time, facts, number, table
from dashboard.components.text import element, foreign, show
from dashboard.links import DataLink
from dashboard.navigation import go_to

KINDS = ("like", "repost", "reply", "view", "follow")
PREVIEWED = 10


def no_text_but_acts(path: Path, source: Source) -> bool:
    """Whether what was taken for the posts' text is rather the post of an interaction, as in a table of user, post."""
    try:
        columns = recognise_acts(path).mapping
    except ImportFailed:
        return False
    return "pictures" not in source.mapping and source.mapping.get("text") == columns.get("post_id")


def draw_acts(link: DataLink) -> bool:
    """Where the address names a file of interactions or profiles: what it is, its first rows, and the button. Tells
    whether it is one."""
    if link.format:
        return False
    try:
        path = resources.import_source(link.path)
        mapping = dict(link.columns) or None
        file = recognise_acts(path, mapping)
    except ImportFailed:
        return _draw_profiles(link)
    with st.container(border=True, key="import_acts"):
        shape = "lists: a user and the items, a line each" if file.format == "lists" else "a table"
        show(element("h3", foreign(path.name), ": interactions"), element("p", f"Read as {shape}.", class_="fs-faint"))
        if file.mapping:
            show(facts((field.replace("_", " "), column) for field, column in file.mapping.items()))
        kind = "like"
        if ("kind" not in file.mapping and "post_id" in file.mapping) or file.format == "lists":
            kind = st.segmented_control("What they are", KINDS, default="like", required=True, key="import.acts.kind")
        found = list(islice(read_acts(file, kind=kind), PREVIEWED))
        acts = [act for act in found if isinstance(act, Interaction)]
        head = ("User", "Kind", "Post or user", "When (UTC)")
        show(table(head, ((a.user_id, a.kind, a.post_id, day_and_time(a.created_at) if a.created_at else "")
                          for a in acts)))  # fmt: skip
        _draw_buttons(link, path, {"what": "interactions", "kind": kind, "mapping": mapping}, bool(acts))
    return True


def _draw_profiles(link: DataLink) -> bool:
    try:
        path = resources.import_source(link.path)
        found = list(islice(read_profiles(path, dict(link.columns) or None), PREVIEWED))
    except ImportFailed:
        return False
    users = [user for user in found if isinstance(user, User)]
    if not any(user.name or user.handle or user.description for user in users):
        return False
    with st.container(border=True, key="import_profiles"):
        show(element("h3", foreign(path.name), ": profiles of users"))
        head = ("Id", "Name", "Handle", "Followers")
        show(table(head, ((u.id, u.name or "", u.handle or "", "" if u.followers is None else number(u.followers))
                          for u in users), numeric=(3,)))  # fmt: skip
        bad = sum(isinstance(user, Failure) for user in found)
        if bad:
            show(
                element("p", f"{number(bad)} of the first {number(len(found))} rows can't be read.", class_="fs-faint")
            )
        _draw_buttons(link, path, {"what": "users", "mapping": dict(link.columns) or None}, bool(users))
    return True


def _draw_buttons(link: DataLink, path: Path, params: dict[str, object], usable: bool) -> None:
    pseudonymise = st.checkbox("Keep users under pseudonyms", key="import.acts.pseudonymise")
    given = {"path": str(path), "pseudonymise": pseudonymise, **params}
    with st.container(horizontal=True):
        if st.button("Import", type="primary", icon=":material/download_done:", disabled=not usable, key="import.acts"):
            go_to(DataLink(job=resources.workspace().jobs.submit("ingest_acts", given, title=f"Import {path.name}")))
        if st.button("Dry run", icon=":material/experiment:", disabled=not usable, key="import.acts.dry"):
            job = resources.workspace().jobs.submit(
                "ingest_acts", {**given, "dry_run": True}, title=f"Dry run of {path.name}"
            )
            go_to(DataLink(path=link.path, job=job))
