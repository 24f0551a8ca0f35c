"""How well moderation goes, kept until the next decision."""

from __future__ import annotations

import streamlit as st

from core.moderation.insights import (
    Agreement,
    GroupErrors,
    Period,
    Precision,
    ScoringRun,
    Volumes,
    agreement,
    drift,
    fairness,
    precision_of_scorers,
    scores_over_time,
    volumes,
)
from core.moderation.roles import Person
from core.moderation.thresholds import Preview, preview_threshold
from dashboard.resources.opened import Version, version, workspace


def precision(by: Person) -> list[Precision]:
    """Raises RoleError, as all of these do."""
    return _precision(by, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _precision(by: Person, at: Version) -> list[Precision]:
    return precision_of_scorers(workspace(), by=by)


def agreements(by: Person) -> tuple[list[Agreement], list[Agreement]]:
    return _agreements(by, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _agreements(by: Person, at: Version) -> tuple[list[Agreement], list[Agreement]]:
    return agreement(workspace(), by=by)


def volume(days: int, by: Person) -> Volumes:
    return _volume(days, by, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _volume(days: int, by: Person, at: Version) -> Volumes:
    return volumes(workspace(), days=days, by=by)


def scoring_runs(by: Person) -> list[ScoringRun]:
    return drift(workspace(), by=by)


def over_time(policy: str, by: Person) -> tuple[str, list[Period]]:
    return _over_time(policy, by, version())


@st.cache_resource(max_entries=16, show_spinner=False)
def _over_time(policy: str, by: Person, at: Version) -> tuple[str, list[Period]]:
    return scores_over_time(workspace(), policy, by=by)


def errors_by_group(policy: str, by: Person) -> tuple[list[GroupErrors], list[GroupErrors]]:
    return _errors(policy, by, version())


@st.cache_resource(max_entries=16, show_spinner=False)
def _errors(policy: str, by: Person, at: Version) -> tuple[list[GroupErrors], list[GroupErrors]]:
    return fairness(workspace(), policy, by=by)


def preview(policy: str, threshold: float, by: Person) -> Preview:
    """Raises RoleError and ModerationError. Not kept: it takes milliseconds."""
    return preview_threshold(workspace(), policy, threshold, by=by)
