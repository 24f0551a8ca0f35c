"""Making a map: the form, the jobs that run, and new posts that wait for their place."""

from __future__ import annotations

import streamlit as st

from core.database.jobs import Job
from core.errors import MapError
from core.maps.building import build_params
from core.maps.layouts import NEGATIVES, NEIGHBOURS, SPACES, LayoutInfo, MapSpace, Recipe
from dashboard import resources
from dashboard.components.figures import number, share
from dashboard.components.jobs import POLL_SECONDS, draw_job
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.links import MapLink
from dashboard.resources import maps

RELAYOUT_FROM = 0.1
"""From this share of placed posts on, a new layout is offered."""
KINDS = ("map", "map_place")
ABOUT: dict[MapSpace, str] = {
    "text": "Posts near each other say alike things.",
    "dual": "Posts near each other show alike things.",
    "blend": "Words and pictures count together.",
    "users": "Users near each other post and like alike things.",
    "ties": "Users near each other react to the same people.",
}


def map_jobs() -> list[Job]:
    return [job for job in resources.active_jobs() if job.kind in KINDS]


def draw_map_jobs() -> None:
    """What is being made, and what failed last."""
    busy = bool(map_jobs())
    st.fragment(_draw_jobs, run_every=POLL_SECONDS if busy else None)(was_busy=busy)


def _draw_jobs(was_busy: bool) -> None:
    running = map_jobs()
    if was_busy and not running:
        st.rerun()
    for job in running:
        draw_job(job, key="map_job")
    latest = next((job for job in resources.workspace().jobs.list(limit=20) if job.kind in KINDS), None)
    if latest is not None and latest.state in ("failed", "stopped") and not running:
        draw_job(latest, key="map_job")


def draw_build(link: MapLink, *, first: bool = False) -> None:
    """The form of a new map."""
    space = st.selectbox("Of what", list(SPACES), format_func=lambda space: SPACES[space], key="map.build.space")
    show(element("p", ABOUT[space], class_="fs-faint"))
    name = st.text_input("Name", placeholder=SPACES[space], max_chars=80, key=f"map.build.name.{space}")
    with st.expander("Parameters"):
        neighbours = st.slider(
            "Neighbours", 5, 100, NEIGHBOURS, key="map.build.neighbours",
            help="Few show fine detail, many the large shape (UMAP's n_neighbors).",
        )  # fmt: skip
        min_dist = st.slider(
            "Smallest distance", 0.0, 0.99, 0.0, step=0.05, key="map.build.min_dist",
            help="How close points may lie (UMAP's min_dist): small values make tight groups.",
        )  # fmt: skip
        negatives = st.slider(
            "Pushed away for each pulled", 1, 20, NEGATIVES, key="map.build.negatives",
            help="More keep truer who is near whom, and take longer (UMAP's negative_sample_rate).",
        )  # fmt: skip
        blend = 0.5
        if space == "blend":
            blend = st.slider("Words against pictures", 0.0, 1.0, 0.5, step=0.05, key="map.build.blend")
    if st.button("Make the map", type="primary" if first else "secondary", icon=":material/bubble_chart:",
                 disabled=bool(map_jobs()), key="map.build.go"):  # fmt: skip
        try:
            submit(Recipe(space, neighbours, min_dist, negatives, blend=blend), name)
        except MapError as error:
            notice(str(error), kind="error")
        else:
            st.rerun()


def submit(recipe: Recipe, name: str = "", posts: list[int] | None = None) -> None:
    params = build_params(recipe, name, posts=posts)
    resources.workspace().jobs.submit("map", params, title=f"Map: {params['name']}")


def draw_place(info: LayoutInfo) -> None:
    """How many posts or users came since the map was made, and what can be done about it."""
    things = "users" if info.noun == "user" else "posts"
    count = maps.waiting(info.id)
    if not count and info.placed < RELAYOUT_FROM * info.count:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="map_place"):
        if count:
            show(
                element("p", f"{number(count)} {things} came since this map was made.", class_="fs-faint"),
                width="content",
            )
            label, help_ = "Place them", "They go beside those that are alike. Nothing else moves."
            if info.recipe.of:
                label = "Place those that belong"
                help_ = "Those whose nearest are mostly on this map go beside them. Nothing else moves."
            if st.button(label, icon=":material/add_location_alt:", key="map.place", disabled=bool(map_jobs()),
                         help=help_):  # fmt: skip
                resources.workspace().jobs.submit(
                    "map_place", {"layout": info.id}, title=f"Place new posts: {info.name}"
                )
                st.rerun()
        else:
            said = f"{share(info.placed / info.count)} of this map were placed later and did not shape it."
            show(element("p", said, class_="fs-faint"), width="content")
        some = "these" if info.recipe.of else "all"
        if st.button("Make it anew", icon=":material/refresh:", key="map.anew", disabled=bool(map_jobs()),
                     help=f"A new layout of {some} {things}, turned to lie as this one does."):  # fmt: skip
            submit(info.recipe, info.name, maps.layout(info.id).rows.tolist() if info.recipe.of else None)
            st.rerun()
