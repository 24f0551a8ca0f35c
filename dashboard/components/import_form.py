"""Bringing posts in: choose files, see what they are, import them in the background."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from core.errors import ImportFailed
from core.ingest.mapping import FIELDS
from core.ingest.places import UPLOAD
from core.ingest.readers.named_pictures import MISSING
from core.ingest.recognise import FORMATS, estimate_rows, preview
from core.ingest.records import PostRecord, Source
from core.types import Media
from dashboard import resources
from dashboard.components.acts_form import draw_acts, no_text_but_acts
from dashboard.components.cards import SIDES, Card, draw_cards
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import facts, number
from dashboard.components.import_options import AUTO, draw_import_options
from dashboard.components.jobs import draw_failures
from dashboard.components.notices import notice
from dashboard.components.text import clean, element, foreign, show
from dashboard.links import DataLink
from dashboard.navigation import go_to, show_in_address_bar

PREVIEWED = 10
MOST_NAMED = 40
FILES, FOLDER, SERVER = "Files", "A folder", "On the server"
_WANTED = {"user_id": "who wrote a post", "created_at": "when", "id": "its id"}
_PROBLEM, _TAKEN = "import.problem", "import.taken"
_ARRIVING = 10.0
"""Seconds for which an upload that the address lost is found again."""


def draw_import(link: DataLink) -> None:
    """The form, and below it what the chosen source would bring."""
    show(element("h2", "Bring your data"))
    _find_again(link)
    on_server = bool(link.path) and not link.path.startswith(UPLOAD)
    way = st.segmented_control(
        "Where it is",
        [FILES, FOLDER, SERVER],
        default=SERVER if on_server else FILES,
        required=True,
        key="import.way",
        label_visibility="collapsed",
    )
    if way == SERVER:
        _draw_server_form(link)
    else:
        key = f"import.upload.{way}.{st.session_state.setdefault('import.uploads', 0)}"
        st.file_uploader(
            "Posts and pictures",
            accept_multiple_files="directory" if way == FOLDER else True,
            key=key,
            label_visibility="collapsed",
            on_change=_take_upload,
            args=(key,),
        )
        show(
            element(
                "p",
                "Exports of 4CAT, Zeeschuimer, CrowdTangle, YouTube Data Tools, Mastodon, Bluesky, Reddit, X and"
                " Telegram as they are; any CSV, JSON lines or Parquet file of posts, with the pictures that it names;"
                " pictures alone; or who liked and follows what. Nothing is stored before you have seen what was"
                " recognised.",
                class_="fs-faint",
            )
        )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        notice(problem, kind="error")
    if link.path:
        _draw_source(link)


def _draw_server_form(link: DataLink) -> None:
    offered = [str(path) for path in resources.offered_imports()]
    on_server = link.path if link.path and not link.path.startswith(UPLOAD) else None
    if not resources.workspace().settings.import_roots:
        notice(
            "Importing from folders of the server is switched off. Start Feedscope with"
            " FEEDSCOPE_IMPORT_ROOTS=/a/folder to allow what lies below that folder."
        )
        return
    options = list(dict.fromkeys([*offered, *([on_server] if on_server else [])]))
    # Named by what it shows, and compared with the address rather than called back: a page that a job's end draws anew
    # may call back for a widget that is not shown any more, and the address of the job would be lost.
    chosen = st.selectbox(
        "File or folder",
        options,
        index=options.index(on_server) if on_server else None,
        format_func=clean,
        accept_new_options=True,
        placeholder="Choose, or type a path below an allowed folder",
        key=f"import.path.{on_server or ''}",
    )
    wanted = (chosen or "").strip()
    if wanted and wanted != on_server:
        go_to(DataLink(path=wanted))


def _take_upload(key: str) -> None:
    uploads = st.session_state[key]
    st.session_state["import.uploads"] += 1
    try:
        kept = resources.keep_files((upload.name, upload.getvalue()) for upload in uploads)
    except ImportFailed as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        st.session_state[_TAKEN] = (kept, time.monotonic())
        show_in_address_bar(DataLink(path=kept))


def _find_again(link: DataLink) -> None:
    """A job that ends while a file arrives has the page drawn with the address from before: the upload would be lost
    from sight."""
    kept, at = st.session_state.get(_TAKEN, ("", 0.0))
    if kept and not link.path and link.job is None and time.monotonic() - at < _ARRIVING:
        del st.session_state[_TAKEN]
        go_to(DataLink(path=kept))


def _choose_again() -> None:
    st.session_state.pop(_TAKEN, None)
    show_in_address_bar(DataLink())


def _draw_source(link: DataLink) -> None:
    """What was recognised, the first posts, and the button that imports."""
    try:
        path = resources.import_source(link.path)
        source, records, failures = preview(
            path, format=link.format or AUTO, mapping=dict(link.columns) or None, limit=PREVIEWED
        )
        rows = estimate_rows(source)
    except ImportFailed as error:
        if draw_acts(link):
            return
        notice(str(error), kind="error")
        if link.format or link.columns:
            st.button("Recognise it again", on_click=show_in_address_bar, args=(DataLink(path=link.path),))
        if error.files and not link.path.startswith(UPLOAD):
            chips = [Chip(name="Import", text=file.name, link=DataLink(path=str(file))) for file in error.files[:12]]
            draw_chips(chips, label="Files of this folder", key="import.files")
        elif not error.files:
            draw_import_options(link, dict(link.columns), error.columns, opened=bool(error.columns))
        return
    if no_text_but_acts(path, source) and not link.columns and draw_acts(link):
        return
    with st.container(border=True, key="import_source"):
        about = f"{'' if source.rows is not None else 'about '}{number(rows)} {'post' if rows == 1 else 'posts'}"
        show(
            element("h3", foreign(path.name), f": {about}"),
            element("p", f"Read as {source.format}: {FORMATS[source.format]}.", class_="fs-faint"),
        )
        columns = _draw_columns(link, source, records)
        draw_import_options(link, source.mapping, columns)
        less = _draw_privacy()
        buttons = st.container(horizontal=True)
        params = {"path": str(path), "format": link.format or AUTO, "mapping": dict(link.columns) or None, **less}
        if buttons.button(f"Import {about}", type="primary", icon=":material/download_done:", disabled=not records):
            job = resources.workspace().jobs.submit("ingest", params, title=f"Import {path.name}")
            go_to(DataLink(job=job))
        if buttons.button(
            "Dry run",
            icon=":material/experiment:",
            disabled=not records,
            help="Reads it all and says what would be stored. Nothing is.",
        ):
            job = resources.workspace().jobs.submit("dry_run", params, title=f"Dry run of {path.name}")
            go_to(replace(link, job=job))
        buttons.button("Choose something else", on_click=_choose_again)
    missing = [picture for record in records for picture in record.pictures if picture.error == MISSING]
    if missing and len(missing) == sum(len(record.pictures) for record in records):
        notice(
            "The pictures that it names did not come along. Choose the file and its pictures together, or their whole"
            " folder; or import without them.",
            kind="warning",
        )
    if len(failures) > len(records):
        notice("Most of the first rows can't be read. See the reasons, and choose other columns above.", kind="warning")
    if failures:
        draw_failures([{"where": f.where, "reason": f.reason} for f in failures], key="import.failures")
    show(element("h3", f"The first {number(len(records))} as they would be stored"))
    _draw_records(records)


def _draw_columns(link: DataLink, source: Source, records: list[PostRecord]) -> list[str]:
    """Which column is what, and what none was found for; gives all columns that are known."""
    unused = set(source.columns) - {*source.mapping.values()}
    kept = sorted(unused | {name for record in records for name in record.post.extra}, key=str.casefold)
    lines = [(field.replace("_", " "), column) for field, column in _in_order(source)]
    if kept:
        lines.append(("kept beside", clean(", ".join(kept[:MOST_NAMED]) + (" …" if kept[MOST_NAMED:] else ""))))
    if lines:
        show(facts(lines))
    given = {field for field, _ in link.columns}
    lacking = [said for field, said in _WANTED.items() if field not in source.mapping and field not in given]
    if unused and lacking:
        *others, last = lacking
        said = f"{', '.join(others)} and {last}" if others else last
        show(element("p", f"No column was taken for {said}: choose it below, if there is one.", class_="fs-faint"))
    return [*dict.fromkeys([*source.columns, *source.mapping.values(), *kept])]


def _draw_privacy() -> dict[str, object]:
    """What the import is to leave out."""
    with st.expander("Privacy: import less than the file holds"):
        pseudonymise = st.checkbox(
            "Keep users under pseudonyms",
            key="import.pseudonymise",
            help="Ids and handles become keyed hashes; names, profiles and addresses are left out. The key lies beside"
            " the workspace's folder, not in it. Later imports into this workspace do the same.",
        )
        drop = st.text_input("Columns to leave out, parted by commas", key="import.drop")
    return {"pseudonymise": pseudonymise, "drop": [name.strip() for name in (drop or "").split(",") if name.strip()]}


def _in_order(source: Source) -> Iterable[tuple[str, str]]:
    return ((field, source.mapping[field]) for field in FIELDS if field in source.mapping)


def _draw_records(records: list[PostRecord]) -> None:
    sources: dict[str, bytes | None] = {}

    def thumbnail(key: str, side: int) -> bytes | None:
        return sources[key]

    cards = []
    for number_, record in enumerate(records):
        media = []
        for position, picture in enumerate(record.pictures[:1]):
            key = f"{number_}.{position}"
            given = picture.path if picture.path is not None else picture.data
            sources[key] = None if given is None else resources.picture_thumbnail(given, SIDES["thread"])
            media.append(
                Media(0, record.post.id, position, picture.name, path=key if given is not None else None,
                      alt=picture.alt, error=picture.error)
            )  # fmt: skip
        post = replace(record.post, media=tuple(media))
        cards.append(Card(post, user=record.user, text=post.text[:420], link=False))
    draw_cards(cards, thumbnail, layout="thread", label="The first posts", key="import.preview")
