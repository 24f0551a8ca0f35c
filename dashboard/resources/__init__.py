"""What the process keeps for all visitors: the open workspace, its encoders, and calls into core worth keeping.

The only folder with ``st.cache_*``. Every kept call has the workspace's :class:`Version` in its key, so that nothing
old is shown after an import and nothing needs to be cleared. Kept values are frozen and shared, never copied.
(Streamlit leaves arguments that begin with an underscore out of the key: none here does.)

Pages and components say ``resources.find(link)``: each module's calls are named here.
"""

from __future__ import annotations

from dashboard.resources.content import (
    choices,
    count,
    counts_over_time,
    newest_pictures,
    overview,
    posts,
    thread,
    user_names,
    users,
)
from dashboard.resources.imports import (
    all_failures_of,
    doomed,
    failures_of,
    import_source,
    keep_files,
    offered_imports,
    remote_pictures,
)
from dashboard.resources.indexes import (
    dual_pairs,
    dual_training_now,
    duplicates,
    index_memory,
    index_standings,
    index_status,
    lab_runs,
    own_dual_models,
    own_pictures,
    text_model_advice,
)
from dashboard.resources.opened import (
    Encoders,
    Version,
    active_jobs,
    encoders,
    holds_demo,
    make_workspace,
    version,
    workspace,
    workspace_name,
)
from dashboard.resources.pictures import picture_thumbnail, query_thumbnail, thumbnail
from dashboard.resources.searches import find, keep_picture, near, query_picture

__all__ = [
    "Encoders",
    "Version",
    "active_jobs",
    "all_failures_of",
    "choices",
    "count",
    "counts_over_time",
    "doomed",
    "dual_pairs",
    "dual_training_now",
    "duplicates",
    "encoders",
    "failures_of",
    "find",
    "holds_demo",
    "import_source",
    "index_memory",
    "index_standings",
    "index_status",
    "keep_files",
    "keep_picture",
    "lab_runs",
    "make_workspace",
    "near",
    "newest_pictures",
    "offered_imports",
    "overview",
    "own_dual_models",
    "own_pictures",
    "picture_thumbnail",
    "posts",
    "query_picture",
    "query_thumbnail",
    "remote_pictures",
    "text_model_advice",
    "thread",
    "thumbnail",
    "user_names",
    "users",
    "version",
    "workspace",
    "workspace_name",
]
