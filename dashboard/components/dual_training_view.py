"""Training the picture search on the workspace's own posts: start it, watch it learn, put a model to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.database.jobs import Job
from core.dual_training.job import JOB, LEAST_POSTS, SERVE_JOB
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number, table
from dashboard.components.jobs import draw_job, watch
from dashboard.components.text import element, foreign, show
from dashboard.theme import chart_colours

WORTHWHILE = 1000
"""Fewer pairs seldom teach the encoder more than it knows."""

MOST_EPOCHS = 40
PAIRS_A_SECOND = 40
"""About, on two cores: through the trunk once, and through the tail each epoch."""


def draw_dual_training() -> None:
    """Nothing where the workspace has no pictures."""
    if not resources.overview().pictures:
        return
    show(
        element("h2", "Train the picture search on your posts"),
        element(
            "p",
            "Goes on training the packaged encoder with the posts' own texts and pictures, so that it learns the words"
            " and things of this network. A twentieth of the pictures is held out to tell whether that helped. The"
            " pictures are then encoded anew beside the present ones, which serve until that is done.",
            class_="fs-faint",
        ),
    )
    watch(lambda: [job for job in resources.active_jobs() if job.kind in (JOB, SERVE_JOB)], _draw_state)


def _draw_state(active: Sequence[Job]) -> None:
    for job in active:
        draw_job(job, key="dual_training")
    last = _last()
    if last is not None and not active and last.state in ("failed", "stopped"):
        draw_job(last, key="dual_training")
    told = resources.dual_training_now() if active or (last is not None and last.state == "stopped") else {}
    if told.get("losses"):
        _draw_plot(told, key="dual_training.now")
    _draw_models(busy=bool(active))
    if not active:
        _draw_start()


def _last() -> Job | None:
    return next((job for job in resources.workspace().jobs.list(limit=50) if job.kind in (JOB, SERVE_JOB)), None)


def _draw_start() -> None:
    pairs = resources.dual_pairs()
    if pairs < LEAST_POSTS:
        said = f"{number(pairs)} {plural('picture', pairs)} with a text: training needs {LEAST_POSTS} at least."
        show(element("p", said, class_="fs-faint"))
        return
    if pairs < WORTHWHILE:
        said = f"{number(pairs)} pictures with a text are few: about {number(WORTHWHILE)} make it worth the time."
        show(element("p", said, class_="fs-faint"))
    if resources.workspace().settings.dual_model != "default":
        show(
            element("p", "FEEDSCOPE_DUAL names the encoder: unset it to search by one trained here.", class_="fs-faint")
        )
    with st.form("dual_training.start", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            epochs = st.number_input("Epochs, at most", 1, MOST_EPOCHS, 6, key="dual_training.epochs", width=160)
            serve = st.toggle("Search by it if it is better", value=True, key="dual_training.serve")
            minutes = max(1, round(pairs * (3 + int(epochs)) / PAIRS_A_SECOND / 60))
            go = st.form_submit_button("Train", icon=":material/model_training:")
        takes = (
            f"{number(minutes)} {plural('minute', minutes)} for {number(int(epochs))} {plural('epoch', int(epochs))}"
        )
        said = f"{number(pairs)} pictures with a text; about {takes}, in the background."
        show(element("p", said, class_="fs-faint"))
    if go:
        params = {"epochs": int(epochs), "seed": 0, "init": True, "serve": bool(serve)}
        resources.workspace().jobs.submit(JOB, params, title="Train the picture search on the posts")
        st.rerun()


def _draw_models(*, busy: bool) -> None:
    """Each model with how its training went; the one that serves first."""
    serving = resources.workspace().own_dual
    models = resources.own_dual_models()
    for name in sorted(models, key=lambda one: one != serving):
        told = models[name]
        with st.container(border=True, key=f"dual_training.{name}", gap="small"):
            now = "pictures are searched by it" if name == serving else "not in use"
            show(element("p", element("strong", foreign(name)), f": {now}. {_said(told)}"))
            if told.get("losses"):
                with st.expander("How its training went", expanded=False):
                    _draw_plot(told, key=f"dual_training.plot.{name}")
            label = "Use the packaged encoder again" if name == serving else "Search by this one"
            if st.button(label, key=f"dual_training.use.{name}", disabled=busy, icon=":material/swap_horiz:"):
                wanted = None if name == serving else name
                title = f"Search pictures by {wanted or 'the packaged encoder'}"
                resources.workspace().jobs.submit(SERVE_JOB, {"model": wanted}, title=title)
                st.rerun()


def _said(told: dict[str, Any]) -> str:
    """Whether training helped, in a sentence; empty where that is not known."""
    before, after = told.get("before_r@10"), told.get("held_out_r@10")
    if not before or not after:
        return ""
    figures = (
        f"{_mean(before):.1f} % of {number(told['held_out'])} held-out texts found their picture among the first ten"
    )
    if not told["epoch"]:
        return f"{figures} before training, and no more after it."
    return f"{figures} before training, {_mean(after):.1f} % after it."


def _mean(recalls: dict[str, float]) -> float:
    return sum(recalls.values()) / len(recalls)


def _draw_plot(told: dict[str, Any], *, key: str) -> None:
    losses, recalls = told["losses"], told["recalls"]
    said = f"Loss {losses[0]:.2f} to {losses[-1]:.2f}, held-out R@10 {recalls[-1]:.1f} percent"
    st.plotly_chart(figure(losses, recalls, chart_colours()), key=key, config={"displayModeBar": False}, alt=said)
    with st.expander("As a table"):
        rows = [[str(at), f"{loss:.3f}", f"{recall:.1f} %"]
                for at, (loss, recall) in enumerate(zip(losses, recalls, strict=True), 1)]  # fmt: skip
        show(table(["Epoch", "Loss", "Held-out R@10"], rows))


def figure(losses: Sequence[float], recalls: Sequence[float], colours: Sequence[str]) -> Any:
    """Loss on the left axis, held-out R@10 in percent on the right, by epoch."""
    import plotly.graph_objects as go

    epochs = list(range(1, len(losses) + 1))
    drawn = go.Figure()
    for values, name, axis, colour in ((losses, "Loss", "y", colours[0]), (recalls, "Held-out R@10", "y2", colours[1])):
        drawn.add_scatter(x=epochs, y=list(values), name=name, yaxis=axis, mode="lines+markers",
                          line={"color": colour, "width": 2}, marker={"size": 7})  # fmt: skip
    drawn.update_layout(
        height=260,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": {"text": "Epoch"}, "dtick": max(1, len(epochs) // 10), "zeroline": False},
        yaxis={"title": {"text": "Loss"}, "rangemode": "tozero", "zeroline": False},
        yaxis2={"title": {"text": "R@10, %"}, "overlaying": "y", "side": "right", "showgrid": False},
        legend={"orientation": "h", "y": 1.15},
    )
    return drawn
