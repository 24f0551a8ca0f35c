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
from dashboard.components.jobs import heading, outcome, progress, watch
from dashboard.components.notices import notice, state
from dashboard.components.recommend_exposure import draw_click_through
from dashboard.components.recommend_imported import draw_imported
from dashboard.components.text import element, foreign, show
from dashboard.resources import people, recommend
from dashboard.theme import chart_colours

_METRICS = (("recall@20", "Recall@20"), ("ndcg@20", "NDCG@20"), ("mrr", "MRR"), ("hit_rate@20", "Hit rate"),
            ("coverage@20", "Coverage"), ("diversity@20", "Diversity"), ("gini@20", "Gini"),
            ("popularity_lift@20", "Popularity lift"))  # fmt: skip


def training_jobs() -> list[Job]:
    return [job for job in resources.active_jobs() if job.kind == "recommend"]


def submit_training(models: Sequence[str], seed: int = 0) -> None:
    resources.workspace().jobs.submit("recommend", train_params(tuple(models), seed=seed), title="Train recommenders")


def draw_train_hint() -> None:
    """Where nothing is trained: what is shown until then, and a button."""
    if training_jobs():
        watch(training_jobs, _draw_progress)
        return
    notice("No model is trained yet, so everybody is shown what was liked most of late.")
    if people.may("data") and st.button(
        "Train the recommenders", icon=":material/model_training:", type="primary", key="recommend.train_first"
    ):
        submit_training(DEFAULT)
        st.rerun()


def draw_models() -> None:
    """What is trained, how good it was, how it learnt, and a way to train again; what was made elsewhere."""
    rows = recommend.trainings()
    changes = people.may("data")
    if changes or training_jobs():
        with st.container(border=True, key="recommend_train"):
            if training_jobs():
                watch(training_jobs, _draw_progress)
            else:
                _draw_train_form(bool(rows))
    if rows:
        newest: dict[str, TrainingRow] = {}
        for row in rows:
            newest.setdefault(row.model, row)
        _draw_table(list(newest.values()))
        left, right = st.columns(2, gap="large")
        with left:
            _draw_curve(newest.get("two-tower"))
        with right:
            _draw_over_time(rows)
    else:
        state("No model is trained yet", "Training takes from half a minute to some minutes, in the background.")
    draw_imported(changes=changes)
    draw_click_through()


def _draw_train_form(again: bool) -> None:
    failed = next((job for job in resources.workspace().jobs.list(limit=20) if job.kind == "recommend"), None)
    if failed is not None and failed.state == "failed":
        show(heading(failed), element("p", outcome(failed), class_="fs-bad-text"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Which to train", list(MODELS), default=list(DEFAULT), format_func=lambda name: TITLES[name],
            key="recommend.train_which", width="stretch",
        )  # fmt: skip
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, key="recommend.seed", width=120,
            help="The same seed on the same acts gives the same models; another tells how much is chance.",
        )  # fmt: skip
        if st.button(
            "Train again" if again else "Train",
            icon=":material/model_training:",
            disabled=not chosen,
            key="recommend.train",
        ):
            submit_training(chosen, int(seed))
            st.rerun()


def _draw_progress(jobs: Sequence[Job]) -> None:
    for job in jobs[:1]:
        show(element("p", foreign(job.title), class_="fs-job-title"), progress(job))
        stops = job.state != "stopping" and people.may("data")
        if stops and st.button("Stop", icon=":material/stop_circle:", key="recommend.stop"):
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
                f" Split {figures['split']}; seed {figures.get('seed', 0)}.",
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
    """Of what was held out where there was anything, else the loss."""
    curve = row.curve if row is not None else []
    points = [one for one in curve if "ndcg" in one]
    measures = (("NDCG@20", "ndcg"), ("Recall@20", "recall")) if points else (("Loss", "loss"),)
    points = points or [one for one in curve if "loss" in one]
    if len(points) < 2:
        return
    show(element("h2", "How the two towers learnt"))
    epochs = [one["epoch"] for one in points]
    series = [(name, epochs, [one[key] for one in points]) for name, key in measures]
    name, _, values = series[0]
    best = min(values) if name == "Loss" else max(values)
    st.plotly_chart(
        line_chart(series, "Epoch", chart_colours()), key="recommend.curve", config={"displayModeBar": False},
        alt=f"{name} went from {values[0]:.3f} to {best:.3f} in {len(points)} epochs.",
    )  # fmt: skip
    if any("diverged" in one for one in curve):
        notice("The loss was no finite number any more, so learning stopped; the last good state serves.")


def _draw_over_time(rows: Sequence[TrainingRow]) -> None:
    judged = [row for row in reversed(rows) if "recall@20" in row.figures]
    if all(sum(row.model == one.model for row in judged) < 2 for one in judged):
        return
    show(element("h2", "Over trainings"))
    key = st.selectbox(
        "Measure", [key for key, _ in _METRICS], format_func=dict(_METRICS).__getitem__, key="recommend.measure",
        width=200,
    )  # fmt: skip
    series = []
    for model in dict.fromkeys(row.model for row in judged):
        own = [row for row in judged if row.model == model and row.figures.get(key) is not None]
        series.append((TITLES[model], [row.trained_at for row in own], [row.figures[key] for row in own]))
    name = dict(_METRICS)[key]
    st.plotly_chart(
        line_chart(series, "", chart_colours()), key="recommend.over_time", config={"displayModeBar": False},
        alt=f"{name} of each model at each training.",
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
