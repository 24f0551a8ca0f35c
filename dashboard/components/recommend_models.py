"""The models: trained when, on what, how good; and training them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.database.jobs import Job
from core.database.recommend import TrainingRow
from core.recommend.models import MODELS, TITLES
from core.recommend.training import DEFAULT, train_params
from dashboard import resources
from dashboard.components.figures import day_and_time, duration, number, table
from dashboard.components.jobs import POLL_SECONDS, heading, outcome, progress
from dashboard.components.notices import notice, state
from dashboard.components.recommend_exposure import draw_click_through
from dashboard.components.text import element, foreign, show
from dashboard.resources import recommend
from dashboard.theme import chart_colours

_METRICS = (("recall@20", "Recall@20"), ("ndcg@20", "NDCG@20"), ("mrr", "MRR"), ("hit_rate@20", "Hit rate"),
            ("coverage@20", "Coverage"), ("diversity@20", "Diversity"), ("gini@20", "Gini"),
            ("popularity_lift@20", "Popularity lift"))  # fmt: skip


def training_jobs() -> list[Job]:
    return [job for job in resources.active_jobs() if job.kind == "recommend"]


def submit_training(models: Sequence[str]) -> None:
    resources.workspace().jobs.submit("recommend", train_params(tuple(models)), title="Train recommenders")


def draw_train_hint() -> None:
    """Where nothing is trained: what is shown until then, and a button."""
    if training_jobs():
        _draw_running()
        return
    notice("No model is trained yet, so everybody is shown what was liked most of late.")
    if st.button(
        "Train the recommenders", icon=":material/model_training:", type="primary", key="recommend.train_first"
    ):
        submit_training(DEFAULT)
        st.rerun()


def draw_models() -> None:
    """What is trained, how good it was, how it learnt, and a way to train again."""
    rows = recommend.trainings()
    with st.container(border=True, key="recommend_train"):
        if training_jobs():
            _draw_running()
        else:
            _draw_train_form(bool(rows))
    if not rows:
        state("No model is trained yet", "Training takes from half a minute to some minutes, in the background.")
        draw_click_through()
        return
    newest: dict[str, TrainingRow] = {}
    for row in rows:
        newest.setdefault(row.model, row)
    _draw_table(list(newest.values()))
    left, right = st.columns(2, gap="large")
    with left:
        _draw_curve(newest.get("two-tower"))
    with right:
        _draw_over_time(rows)
    draw_click_through()


def _draw_train_form(again: bool) -> None:
    failed = next((job for job in resources.workspace().jobs.list(limit=20) if job.kind == "recommend"), None)
    if failed is not None and failed.state == "failed":
        show(heading(failed), element("p", outcome(failed), class_="fs-bad-text"))
    chosen = st.multiselect(
        "Which to train", list(MODELS), default=list(DEFAULT), format_func=lambda name: TITLES[name],
        key="recommend.train_which",
    )  # fmt: skip
    if st.button(
        "Train again" if again else "Train",
        icon=":material/model_training:",
        disabled=not chosen,
        key="recommend.train",
    ):
        submit_training(chosen)
        st.rerun()


def _draw_running() -> None:
    st.fragment(_draw_progress, run_every=POLL_SECONDS)()


def _draw_progress() -> None:
    jobs = training_jobs()
    if not jobs:
        st.rerun()
    job = jobs[0]
    show(element("p", foreign(job.title), class_="fs-job-title"), progress(job))
    if job.state != "stopping" and st.button("Stop", icon=":material/stop_circle:", key="recommend.stop"):
        resources.workspace().jobs.stop(job.id)


def _draw_table(rows: Sequence[TrainingRow]) -> None:
    show(element("h2", "How good they are"))
    judged = [row for row in rows if row.figures]
    if judged:
        figures = judged[0].figures
        show(
            element(
                "p",
                f"Each learnt from what was done up to {figures['cut']} and was judged on what"
                f" {number(figures['users'])} users did after, every post ranked for each; then it learnt from"
                " everything, which is what serves."
                f" Split {figures['split']}, seed 0.",
                class_="fs-faint",
            )
        )
    best = max((row.figures.get("recall@20", 0.0) for row in judged), default=0.0)
    body = []
    for row in sorted(rows, key=lambda one: -one.figures.get("recall@20", -1.0)):
        cells = [
            element("b", value) if key == "recall@20" and row.figures[key] == best else element("span", value)
            for key, _ in _METRICS
            for value in [_figure(row.figures.get(key))]
        ]
        if not row.figures:
            cells[0] = element("span", "too few acts")
        body.append([TITLES[row.model], f"{day_and_time(row.trained_at)} UTC", duration(row.seconds), *cells])
    numeric = tuple(range(2, 3 + len(_METRICS)))
    show(
        element(
            "div",
            table(["Model", "Trained", "Took", *(name for _, name in _METRICS)], body, numeric=numeric),
            class_="fs-wide",
        )
    )
    _draw_ages(judged)


def _draw_ages(rows: Sequence[TrainingRow]) -> None:
    ages = list(dict.fromkeys(group["age"] for row in rows for group in row.figures.get("by_age", [])))
    if not ages:
        return
    show(element("h3", "Acts found, by how old the post was"))
    body = [
        [TITLES[row.model], *(_figure(found.get(age)) for age in ages)]
        for row in rows
        for found in [{group["age"]: group["recall"] for group in row.figures.get("by_age", [])}]
    ]
    show(
        table(
            ["Model", *(f"{age} posts" if age == "new" else age for age in ages)],
            body,
            numeric=tuple(range(1, 1 + len(ages))),
        )
    )


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"


def _draw_curve(row: TrainingRow | None) -> None:
    points = [one for one in row.curve if "ndcg" in one] if row is not None else []
    if len(points) < 2:
        return
    show(element("h2", "How the two towers learnt"))
    chart = line_chart([("NDCG@20", [p["epoch"] for p in points], [p["ndcg"] for p in points]),
                        ("Recall@20", [p["epoch"] for p in points], [p["recall"] for p in points])],
                       "Epoch", chart_colours())  # fmt: skip
    alt = f"NDCG@20 rose from {points[0]['ndcg']:.3f} to {max(p['ndcg'] for p in points):.3f} in {len(points)} epochs."
    st.plotly_chart(chart, key="recommend.curve", config={"displayModeBar": False}, alt=alt)


def _draw_over_time(rows: Sequence[TrainingRow]) -> None:
    series = []
    for name in dict.fromkeys(row.model for row in rows):
        own = [row for row in reversed(rows) if row.model == name and "recall@20" in row.figures]
        if len(own) > 1:
            series.append((TITLES[name], [row.trained_at for row in own], [row.figures["recall@20"] for row in own]))
    if not series:
        return
    show(element("h2", "Recall@20 over trainings"))
    st.plotly_chart(
        line_chart(series, "", chart_colours()), key="recommend.over_time", config={"displayModeBar": False},
        alt="Recall@20 of each model at each training.",
    )  # fmt: skip


def line_chart(series: Sequence[tuple[str, Sequence[Any], Sequence[float]]], x: str, colours: Sequence[str]) -> Any:
    """Lines with points, a colour each: (name, x, y)."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    for at, (name, xs, ys) in enumerate(series):
        colour = colours[at % len(colours)]
        drawn.add_scatter(x=list(xs), y=list(ys), name=name, mode="lines+markers", line={"color": colour, "width": 2})
    drawn.update_layout(
        height=280, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": -0.25},
        xaxis={"title": {"text": x}}, yaxis={"rangemode": "tozero"},
    )  # fmt: skip
    return drawn
