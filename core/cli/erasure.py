"""Deleting people and posts for good."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    command_group,
    err_console,
    open_workspace,
    out_console,
    print_json,
    run_job,
    settings_of,
    wants_json,
)
from core.types import Noun

delete_app = command_group("delete", "Delete a post or a user everywhere, with a receipt.")
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@delete_app.command("post")
def delete_post(
    id_: Annotated[str, typer.Argument(help="The post's id.")],
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Delete a post: its rows, pictures, vectors and index entries, wherever it is named."""
    _delete("post", id_, yes, workspace, json_)


@delete_app.command("user")
def delete_user(
    id_: Annotated[str, typer.Argument(help="The user's id.")],
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Delete a user with all their posts, pictures, vectors and interactions, wherever they are named."""
    _delete("user", id_, yes, workspace, json_)


def _delete(noun: Noun, id_: str, yes: bool, workspace: WorkspaceOption, json_: bool) -> None:
    from core.erasure import look

    with open_workspace(settings_of(workspace)) as opened:
        doomed = look(opened, noun, id_)
        said = f"{doomed.posts:,} posts, {doomed.pictures:,} pictures, {doomed.interactions:,} interactions"
        if not yes:
            err_console.print(Text(f"The {noun} {id_} goes for good: {said}."), soft_wrap=True)
            typer.confirm("Delete?", abort=True, err=True)
        receipt = run_job(opened, "erase", {"noun": noun, "id": id_}, f"Delete a {noun} everywhere").result or {}
    if wants_json(json_):
        print_json(receipt)
        return
    out_console.print(Text(json.dumps(receipt, indent=1)), soft_wrap=True)
