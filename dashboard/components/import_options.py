"""Another format and other columns, for what was recognised wrongly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.ingest.mapping import FIELDS
from core.ingest.recognise import FORMATS
from dashboard.components.text import clean, element, show
from dashboard.links import DataLink
from dashboard.navigation import go_to

AUTO = "auto"
MAIN = ("text", "id", "user_id", "created_at", "pictures", "lang", "likes", "reply_to", "url")
"""Fields that are asked for by a choice of columns; the others by name."""
_NAMES = {
    "text": "The text", "id": "The post's id", "user_id": "Who wrote it", "created_at": "When", "pictures": "Pictures",
    "lang": "Language", "likes": "Likes", "reply_to": "What it answers", "url": "Its address",
}  # fmt: skip


def draw_import_options(
    link: DataLink, mapping: Mapping[str, str], columns: Sequence[str], *, opened: bool = False
) -> None:
    """A form of which column is what; ``mapping`` is how it is read now, ``columns`` are those that are known."""
    label = "Say which column is what" if opened else "Not right? Change the format or the columns"
    with st.expander(label, expanded=opened), st.form(f"import_options.{link.url()}", border=False):
        format_ = st.selectbox(
            "Format",
            [AUTO, *FORMATS],
            index=[AUTO, *FORMATS].index(link.format) if link.format in FORMATS else 0,
            format_func=lambda one: "Recognised by itself" if one == AUTO else f"{one}: {FORMATS[one]}",
        )
        chosen: dict[str, str] = {}
        if columns:
            for start in range(0, len(MAIN), 3):
                for place, field in zip(st.columns(3), MAIN[start : start + 3], strict=False):
                    now = mapping.get(field, "")
                    offered = ["", *columns]
                    chosen[field] = place.selectbox(
                        _NAMES[field], offered, index=offered.index(now) if now in offered else 0,
                        format_func=lambda one: clean(one) if one else "Nothing",
                    )  # fmt: skip
        others = [(field, column) for field, column in link.columns if field not in chosen]
        said = st.text_input(
            "Other fields" if columns else "Columns",
            ", ".join(f"{field}={column}" for field, column in others),
            placeholder="user_followers=fans" if columns else "text=headline, user_id=writer",
            help=f"Fields are {', '.join(field for field in FIELDS if field not in chosen)}. A field without a column"
            " is left out.",
        )
        show(element("p", "Columns that are nothing of these are kept beside each post.", class_="fs-faint"))
        if st.form_submit_button("Look again"):
            pairs = [pair.partition("=") for pair in (said or "").split(",") if pair.strip()]
            given = {field.strip(): column.strip() for field, _, column in pairs}
            by_hand = {field for field, _ in link.columns}
            same_format = format_ == (link.format or AUTO)
            for field, column in chosen.items():
                # What is shown is meant, also where it was found and not chosen: a choice may change what is found.
                # Another format may have other columns.
                if column != mapping.get(field, "") or field in by_hand or (same_format and column):
                    given[field] = column
            go_to(replace(link, format="" if format_ == AUTO else format_, columns=tuple(given.items())))
