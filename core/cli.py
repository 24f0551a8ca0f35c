"""``python -m core``: the same calls as the pages, for a shell."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.database.jobs import Job
from core.errors import FeedscopeError
from core.settings import DEMO_WORKSPACE, Settings, read_settings
from core.types import MODES, Mode, Post, Query, QueryPart

app = typer.Typer(
    name="feedscope",
    help="Feedscope in the shell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
evaluate_app = typer.Typer(help="Measure quality on data with known answers.", no_args_is_help=True)
dual_app = typer.Typer(help="The encoder of words and pictures.", no_args_is_help=True)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(dual_app, name="dual")
vectors_app = typer.Typer(help="Move vectors: to another engine, in from files, out to files.", no_args_is_help=True)
app.add_typer(vectors_app, name="vectors")
bench_app = typer.Typer(help="Measure speed and memory on this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")

# Results go to stdout; progress, notes and errors to stderr.
_out = Console()
_err = Console(stderr=True)


@dataclass
class _Given:
    """What was given before the command's name."""

    workspace: Path | None = None
    json: bool = False


_given = _Given()

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="The workspace's folder. Default: FEEDSCOPE_WORKSPACE, or the demo.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]


@app.callback()
def _common(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    _given.workspace = workspace
    _given.json = json_


def _settings(workspace: Path | None) -> Settings:
    settings = read_settings()
    chosen = workspace or _given.workspace
    return settings if chosen is None else replace(settings, workspace=chosen.expanduser().absolute())


def _print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False, default=str))


@contextmanager
def _open(settings: Settings, *, create: bool = False) -> Iterator[Any]:
    from core.workspace import Workspace

    with Workspace.open(settings.workspace, settings, create=create) as workspace:
        yield workspace


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on stderr that is told (phase, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}{task.fields[of]}"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=_err, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(phase: str, done: int, total: int | None) -> None:
            of = "" if total is None else f" of {total:,}"
            if phase not in tasks:
                for earlier in tasks.values():
                    progress.remove_task(earlier)
                tasks.clear()
                tasks[phase] = progress.add_task(phase, total=total, of=of)
            progress.update(tasks[phase], completed=done, total=total, of=of)

        yield report


def _run_job(workspace: Any, kind: str, params: dict[str, Any], title: str) -> Job:
    with _progress() as report:
        job: Job = workspace.jobs.run_now(
            kind, params, title=title, listener=lambda job: report(job.phase, job.done, job.total)
        )
    return job


@app.command()
def demo(
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Do nothing where the workspace is there.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Build the demo workspace: a fictional network of about 2,000 posts."""
    settings = _settings(workspace)
    if if_missing and (settings.workspace != DEMO_WORKSPACE or (settings.workspace / "demo.json").exists()):
        return
    with _open(settings, create=True) as opened:
        job = _run_job(opened, "demo", {}, "Build the demo")
    if json_ or _given.json:
        _print_json({"workspace": str(settings.workspace), **(job.result or {})})
    else:
        result = job.result or {}
        _out.print(f"The demo is in {settings.workspace}: {result['posts']:,} posts, {result['pictures']:,} pictures.")


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="A file of posts, or a folder of posts or pictures.")],
    format: Annotated[str, typer.Option(help="How to read it; auto looks at columns and first lines.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Read at most this many rows.")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, where a column is not found by its name. Repeatable."),
    ] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Read posts into the workspace, encode them and index them. Reading the same file again changes nothing."""
    params = {
        "path": str(path.expanduser().absolute()),
        "format": format,
        "limit": limit,
        "mapping": _pairs(mapping or [], "FIELD=COLUMN"),
    }
    with _open(_settings(workspace), create=True) as opened:
        result = _run_job(opened, "ingest", params, f"Ingest {path.name}").result or {}
    if json_ or _given.json:
        _print_json(result)
        return
    table = Table(title=f"{path.name} read as {result['format']}", title_justify="left")
    for name in ("seen", "added", "updated", "skipped", "failed"):
        table.add_column(name, justify="right")
    table.add_row(*(f"{result[name]:,}" for name in ("seen", "added", "updated", "skipped", "failed")))
    _out.print(table)
    for failure in result["failures"]:
        _out.print(Text(f"{failure['where']}: {failure['reason']}"), soft_wrap=True)


def _pairs(given: list[str], shape: str) -> dict[str, str]:
    pairs = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{item!r} is not {shape}.")
        pairs[key] = value
    return pairs


@app.command()
def search(
    text: Annotated[str | None, typer.Argument(help="Words to search for.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture file to search by.")] = None,
    like: Annotated[list[str] | None, typer.Option(help="The id of a post to search by.")] = None,
    not_: Annotated[list[str] | None, typer.Option("--not", help="Words to push away from.")] = None,
    mode: Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")] = "hybrid",
    where: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE: user, since, until, lang, source, picture, min_likes, a column."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many hits, 1 to 10,000.")] = 10,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Search by words, picture or example."""
    from core.database.posts import get_posts
    from core.search.search import search as run_search
    from core.search.where import parse_where

    parts = [QueryPart("text", text)] if text else []
    parts += [QueryPart("picture", _read_picture(path)) for path in image or []]
    parts += [QueryPart("post", id_) for id_ in like or []]
    parts += [QueryPart("text", words, -0.5) for words in not_ or []]
    chosen: Mode = mode  # type: ignore[assignment]  # search() refuses an unknown mode
    query = Query(tuple(parts), parse_where(where or []), k, chosen)
    with _open(_settings(workspace)) as opened:
        result = run_search(opened, query)
        posts = get_posts(opened.cursor(), [hit.post_id for hit in result.hits])
        media_folder = opened.media_folder
    if json_ or _given.json:
        hits = [_hit_document(hit, posts[hit.post_id], media_folder) for hit in result.hits]
        _print_json({"hits": hits, "elapsed_ms": round(result.elapsed_ms, 2), "encode_ms": round(result.encode_ms, 2),
                     "considered": result.considered, "notes": list(result.notes)})  # fmt: skip
        return
    for note in result.notes:
        _err.print(Text(note))
    title = f"{len(result.hits)} hits among {result.considered:,} posts in {result.elapsed_ms:.0f} ms"
    table = Table(title=title, title_justify="left", expand=True)
    for name, ratio in (("rank", None), ("post", 2), ("text", 6), ("found by", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for hit in result.hits:
        post = posts[hit.post_id]
        legs = ", ".join(f"{leg.leg} #{leg.rank}" for leg in hit.legs)
        pictures = f"[{len(post.media)} picture{'s' * (len(post.media) > 1)}] " if post.media else ""
        table.add_row(str(hit.rank), Text(post.id), Text(pictures + post.text[:240]), legs)
    _out.print(table)


def _read_picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"The picture {path} can't be read: {error.strerror}.") from error


def _hit_document(hit: Any, post: Post, media_folder: Path) -> dict[str, Any]:
    return {
        "post_id": hit.post_id,
        "rank": hit.rank,
        "score": hit.score,
        "legs": {leg.leg: {"rank": leg.rank, "score": leg.score} for leg in hit.legs},
        "text": post.text,
        "user_id": post.user_id,
        "media": [
            {"name": item.name, "path": str(media_folder / item.path) if item.path else None, "width": item.width,
             "height": item.height, "sha256": item.sha256, "error": item.error}
            for item in post.media
        ],
    }  # fmt: skip


@app.command()
def info(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """What the workspace holds, which models and indexes it has, and whether they are current."""
    from core.database.overview import summary

    settings = _settings(workspace)
    with _open(settings) as opened:
        held = summary(opened.cursor())
        parts = opened.indexes.status()
        spaces = {kind: opened.indexes.space(kind) for kind in ("text", "dual")}
        generation = opened.generation
    document = {
        "workspace": str(settings.workspace),
        "generation": generation,
        **{name: getattr(held, name) for name in ("posts", "users", "pictures", "interactions", "first_at", "last_at")},
        "models": {kind: space and space.model_id for kind, space in spaces.items()},
        "settings": {"text": settings.text_model, "dual": settings.dual_model},
        "indexes": [asdict(part) for part in parts],
        "current": all(part.state in ("current", "empty") for part in parts),
        "runs": [asdict(run) for run in held.runs],
    }
    if json_ or _given.json:
        _print_json(document)
        return
    table = Table(title=str(settings.workspace), title_justify="left", show_header=False)
    for name in ("posts", "users", "pictures", "interactions"):
        table.add_row(name, f"{getattr(held, name):,}")
    table.add_row("from", str(held.first_at or "-"))
    table.add_row("to", str(held.last_at or "-"))
    for part in parts:
        waiting = f", {part.waiting:,} waiting" if part.waiting else ""
        table.add_row(part.title, Text(f"{part.state}: {part.rows:,}{waiting} ({part.detail})"))
    _out.print(table)


@app.command()
def rebuild(
    encode: Annotated[bool, typer.Option("--encode", help="Encode every post and picture anew as well.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Make the derived parts again from the database: word index and vector indexes."""
    with _open(_settings(workspace)) as opened:
        _run_job(opened, "rebuild", {"encode": encode}, "Rebuild the indexes")
        parts = opened.indexes.status()
    if json_ or _given.json:
        _print_json({"indexes": [asdict(part) for part in parts]})
    else:
        for part in parts:
            _out.print(f"{part.title}: {part.state}, {part.rows:,}")


@app.command()
def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="How many groups to print without --json.")] = 20,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Find the groups of near-duplicate posts, by words and by picture."""
    from core.database.posts import get_posts
    from core.duplicates import find_groups

    with _open(_settings(workspace)) as opened:
        found = find_groups(opened)
        if found is None or found.generation != opened.generation:
            _run_job(opened, "duplicates", {}, "Find near-duplicates")
            found = find_groups(opened)
        assert found is not None
        first = get_posts(opened.cursor(), [group.posts[0] for group in found.groups[:limit]])
    if json_ or _given.json:
        _print_json(asdict(found))
        return
    count = f"{len(found.groups):,} group{'s' * (len(found.groups) != 1)}"
    title = f"{count} of near-duplicates among {found.texts:,} texts and {found.pictures:,} pictures"
    table = Table(title=title, title_justify="left", expand=True)
    for name, ratio in (("posts", None), ("words", None), ("picture", None), ("first post", 2), ("text", 6)):
        table.add_column(name, ratio=ratio, overflow="fold", justify="left" if ratio else "right")
    for group in found.groups[:limit]:
        shares = ("" if share is None else f"{share:.0%}" for share in (group.words, group.picture))
        post = first[group.posts[0]]
        table.add_row(f"{len(group.posts):,}", *shares, Text(post.id), Text(post.text[:160]))
    _out.print(table)


@evaluate_app.command("retrieval")
def evaluate_retrieval(
    images: Annotated[Path, typer.Option(help="The folder of the pictures.")],
    captions: Annotated[Path, typer.Option(help="A CSV file with the columns image and caption, and perhaps split.")],
    split: Annotated[str, typer.Option(help="Only rows with this in the column split.")] = "test",
    json_: JsonOption = False,
) -> None:
    """How well words find pictures and pictures find words: R@1, R@5, R@10 in percent, and the median rank."""
    from core.encoders.loading import load_encoder
    from core.evaluation.retrieval import evaluate_retrieval as run_evaluation

    encoder = load_encoder("dual", read_settings())
    with _progress() as report:
        found = run_evaluation(encoder, images, captions, split, report=lambda d, t, note: report(note, d, t))
    if json_ or _given.json:
        _print_json(found)
        return
    table = Table(title=f"{found['model']}: {found['images']:,} pictures, {found['captions']:,} captions")
    for name in ("", "R@1", "R@5", "R@10", "median rank"):
        table.add_column(name, justify="right")
    for name in ("text_to_image", "image_to_text"):
        figures = found[name]
        table.add_row(name.replace("_", " "), *(f"{figures[key]:.1f}" for key in ("r@1", "r@5", "r@10", "median_rank")))
    _out.print(table)


@dual_app.command("train")
def dual_train(
    pairs: Annotated[Path, typer.Option(help="A CSV file with the columns split, image and caption.")],
    images: Annotated[Path, typer.Option(help="The folder of the pictures.")],
    out: Annotated[Path, typer.Option(help="Where the weights go, a .safetensors file.")],
    split: Annotated[str, typer.Option(help="Train on the rows with this in the column split.")] = "train",
    stickers: Annotated[bool, typer.Option("--stickers", help="Learn OpenMoji's drawings and names as well.")] = False,
    epochs: Annotated[int, typer.Option(min=1, max=1000)] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:
    """Train the encoder of words and pictures on your own pairs; FEEDSCOPE_DUAL=FILE then uses it."""
    import torch

    from core.dual_training.heads import Recipe
    from core.dual_training.training import train_dual

    torch.set_num_threads(read_settings().thread_count())
    with _progress() as report:
        found = train_dual(
            pairs, images, out, split=split, stickers=stickers, recipe=Recipe(epochs=epochs, seed=seed),
            cache=out.with_name(f"{out.name}.cache"), report=lambda d, t, note: report(note, d, t),
        )  # fmt: skip
    if json_ or _given.json:
        _print_json(found)
    else:
        recall = found["held_out_r@10"]["captions"]
        _out.print(f"{found['captions']:,} captions of {found['pictures']:,} pictures; held-out R@10 {recall:.1f} %.")
        _out.print(f"The weights are in {out}. FEEDSCOPE_DUAL={out} uses them.")


def _run_vectors_job(
    workspace: Path | None, kind: str, params: dict[str, Any], title: str, json_: bool
) -> dict[str, Any] | None:
    """The job's result; None where it was printed as JSON."""
    with _open(_settings(workspace)) as opened:
        result = _run_job(opened, kind, params, title).result or {}
    if json_ or _given.json:
        _print_json(result)
        return None
    return result


@vectors_app.command("copy")
def vectors_copy(
    to: Annotated[str, typer.Option(help="Where to: faiss, milvus:http://HOST:19530 or milvus:FILE.db.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Where from. Default: FEEDSCOPE_VECTORS.", show_default=False)
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Once verified, empty where they came from.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Copy all vectors to another engine. Stopped or killed, the same command goes on where it was."""
    from core.vectors.milvus_connection import full_setting

    # Read here, so that what can't be used, a password too, is refused before it is noted in the job.
    params = {"to": full_setting(to), "from": full_setting(from_) if from_ else None, "release": release}
    result = _run_vectors_job(workspace, "copy_vectors", params, f"Copy the vectors to {to}", json_)
    if result is None:
        return
    for space in result["spaces"]:
        counted = ", ".join(f"{name} {space[name]:,}" for name in ("copied", "already", "missing", "checked"))
        _out.print(Text(f"{space['space']} ({space['model_id']}): {counted}"), soft_wrap=True)
    _out.print(Text(f"The vectors are in {result['to']}: FEEDSCOPE_VECTORS={to} uses them."), soft_wrap=True)


@vectors_app.command("export")
def vectors_export(
    out: Annotated[Path, typer.Argument(help="The new file (parquet) or folder (clip-retrieval).")],
    space: Annotated[str, typer.Option(help="text (a vector a post) or dual (a vector a picture).")],
    format_: Annotated[str, typer.Option("--format", help="clip-retrieval or parquet.")] = "parquet",
    half: Annotated[bool, typer.Option("--half", help="Arrays in half precision (clip-retrieval).")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a space's vectors to files that other tools read."""
    params = {"out": str(out.absolute()), "space": space, "format": format_, "half": half}
    result = _run_vectors_job(workspace, "export_vectors", params, "Give vectors out", json_)
    if result is not None:
        _out.print(
            Text(f"{result['written']:,} vectors of {result['model_id']} are in {result['path']}."), soft_wrap=True
        )


@vectors_app.command("import")
def vectors_import(
    path: Annotated[Path, typer.Argument(help="A Parquet file, a folder of them, or a folder of clip-retrieval.")],
    space: Annotated[str, typer.Option(help="text (a vector a post) or dual (a vector a picture).")],
    model_id: Annotated[
        str | None, typer.Option(help="The model that made them. Default: the settings' one.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Take in vectors that were made elsewhere: what has one is not encoded again."""
    params = {"path": str(path.absolute()), "space": space, "model_id": model_id}
    result = _run_vectors_job(workspace, "import_vectors", params, "Take vectors in", json_)
    if result is None:
        return
    names = ("rows", "stored", "unmatched", "refused", "repeated")
    _out.print(", ".join(f"{name} {result[name]:,}" for name in names))
    for failure in result["failures"]:
        _out.print(Text(f"{failure['where']}: {failure['reason']}"), soft_wrap=True)
    if not result["used"]:
        _out.print(Text(f"They are kept for {result['model_id']}, which the settings do not name."), soft_wrap=True)


@bench_app.command("vectors")
def bench_vectors(
    vectors: Annotated[
        Path | None, typer.Option(help="An .npy file of unit vectors, float32 (n, dim). Default: generated ones.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many vectors are stored.")] = 20_000,
    dim: Annotated[int, typer.Option(min=1, help="How long generated vectors are.")] = 384,
    queries: Annotated[int, typer.Option(min=1, help="How many of the last vectors are asked for.")] = 200,
    families: Annotated[str, typer.Option(help="Index families, separated by commas. Default: all.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for what is found, step by step; a later run goes on from it.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """The index families beside bare Faiss and hnswlib: time, memory and recall of each, on one thread."""
    # Read by the libraries when they are first imported, which happens below.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    from core.evaluation.vector_bench import run
    from core.evaluation.vector_tables import tables_of
    from core.vectors.families import FAMILIES

    chosen = [name.strip() for name in families.split(",") if name.strip()] or list(FAMILIES)
    with _progress() as report:
        found = run(vectors=vectors, count=count, dim=dim, queries=queries, families=chosen, out=out, report=report)
    if json_ or _given.json:
        _print_json(found)
        return
    for one in tables_of(found):
        table = Table(*one.columns, title=one.title, title_justify="left")
        for row in one.rows:
            table.add_row(*map(Text, row))
        _out.print(table)


def main() -> None:
    """Runs the command. A FeedscopeError becomes a sentence on stderr, with --json a document too, and exit 1."""
    try:
        app()
    except FeedscopeError as error:
        if "--json" in sys.argv[1:]:
            _print_json({"error": str(error)})
        _err.print(Text(f"Error: {error}"), soft_wrap=True)
        raise SystemExit(1) from None
