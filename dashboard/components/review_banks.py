"""Known content: hash lists in and out, and what was removed here as a bank."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.roles import Person
from core.moderation.scorers.banks import add_decided, add_entries, export_bank, parse_hash_list, read_bank
from dashboard import resources
from dashboard.components.figures import facts, number
from dashboard.components.notices import notice, state
from dashboard.components.text import element, label, show
from dashboard.resources import moderation


def draw_banks(person: Person) -> None:
    policies = {one.id: one for one in moderation.policies() if one.scorer == "bank"}
    if not policies:
        state("No policy has a bank", "A policy over known content compares posts with hashes of what was decided.")
        return
    chosen = st.selectbox("Bank of", list(policies), format_func=lambda id_: label(policies[id_].name), width=320)
    bank = read_bank(resources.workspace(), chosen)
    vectors = {name: len(found) for name, found in bank.vectors.items()}
    lines = [
        ("Pictures (PDQ hashes)", number(len(bank.hashes))),
        ("Texts (digests)", number(len(bank.texts))),
        ("Texts in other words (vectors)", number(vectors.get("text", 0))),
        ("Pictures alike (vectors)", number(vectors.get("dual", 0))),
    ]
    if bank.foreign:
        lines.append(("Vectors of other models, not compared", number(bank.foreign)))
    show(
        element(
            "p",
            "Posts that show or say what is in a bank are flagged, though they be cut, coloured or worded anew.",
            class_="fs-faint",
        ),
        facts(lines),
    )
    if not person.may("banks"):
        show(element("p", "A lead changes banks.", class_="fs-faint"))
        return
    with st.container(horizontal=True):
        if st.button("Add what was removed here", icon=":material/library_add:"):
            added = add_decided(resources.workspace(), chosen, by=person)
            _done(f"{number(added)} new entries.")
        st.download_button(
            "Take the list along", data=partial(export_bank, resources.workspace(), chosen, by=person),
            file_name=f"{chosen}-hashes.csv", mime="text/csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    file = st.file_uploader("A hash list: a PDQ hash a line, or CSV", type=["txt", "csv"], key="bank.file")
    if file is not None and st.button("Take it in", type="primary"):
        try:
            entries = parse_hash_list(file.getvalue())
            added = add_entries(resources.workspace(), chosen, entries, file.name[:200], by=person)
        except FeedscopeError as error:
            notice(str(error), kind="error")
        else:
            _done(f"{number(added)} new entries of {number(len(entries))}.")


def _done(said: str) -> None:
    resources.workspace().jobs.submit("moderate", {}, title="Compare posts with known content")
    notice(said, "Posts are compared with them in the background.")
