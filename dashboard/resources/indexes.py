"""How the indexes stand, the lab, and near-duplicates."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.database.jobs import Job
from core.dual_training import job as dual_job
from core.duplicates import Duplicates, find_groups
from core.encoders import advice
from core.evaluation.own_pictures import OwnPictures, last_measured
from core.indexes import Kind, PartStatus
from core.vectors.standing import Standing, standings
from dashboard.resources.opened import Version, version, workspace


def index_status() -> tuple[PartStatus, ...]:
    return _index_status(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _index_status(at: Version) -> tuple[PartStatus, ...]:
    return workspace().indexes.status()


def index_standings() -> tuple[Standing, ...]:
    """How the index of each space stands; those of which nothing is encoded are left out."""
    return _index_standings(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _index_standings(at: Version) -> tuple[Standing, ...]:
    return standings(workspace())


def index_memory(kind: Kind) -> int:
    """Bytes that searching the space keeps in memory. Opens the index. Raises VectorStoreError."""
    index = workspace().indexes.vector(kind)
    return 0 if index is None else index.memory_bytes


def lab_runs(kind: Kind) -> list[Job]:
    """The lab's runs on a space, newest first, with what they have found so far."""
    jobs = workspace().jobs.list(limit=200)
    return [job for job in jobs if job.kind == "lab" and job.params.get("space") == kind]


def duplicates() -> Duplicates | None:
    """The near-duplicate groups as they were last found, or None where nobody looked for them."""
    return _duplicates(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _duplicates(at: Version) -> Duplicates | None:
    return find_groups(workspace())


def own_pictures() -> OwnPictures | None:
    """How well posts' words find their own pictures, as last measured on the present encoder."""
    return _own_pictures(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _own_pictures(at: Version) -> OwnPictures | None:
    return last_measured(workspace())


def text_model_advice() -> str | None:
    """A sentence where another text encoder would serve the posts' languages better."""
    return _text_model_advice(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _text_model_advice(at: Version) -> str | None:
    return advice.text_model_advice(workspace())


def dual_pairs() -> int:
    """How many texts with a picture of their own the posts hold: what a dual encoder can be trained on."""
    return _dual_pairs(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _dual_pairs(at: Version) -> int:
    return dual_job.count_pairs(workspace())


def own_dual_models() -> dict[str, dict[str, Any]]:
    """Dual encoders that were trained here, newest first, each with how its training went."""
    return dual_job.own_models(workspace())


def dual_training_now() -> dict[str, Any]:
    """Losses and recalls of the training that runs or was stopped."""
    return dual_job.training_now(workspace())
