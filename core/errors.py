"""The errors a user can cause and mend. Anything else is a bug and is let through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class FeedscopeError(Exception):
    """Base of every error whose message is written for the user.

    The message says what went wrong, with which input, and what to do.
    """


class SettingError(FeedscopeError):
    """A setting, an option or a URL parameter has a value that can't be used."""


class WorkspaceError(FeedscopeError):
    """The workspace folder is missing, not a workspace, or of a newer version."""


class WorkspaceMissing(WorkspaceError):
    """There is no workspace in the folder, which is absent or empty: one can be made there."""


class WorkspaceBusy(WorkspaceError):
    """Another process holds the workspace."""


class ImportFailed(FeedscopeError):
    """A file or folder can't be read as posts at all (a single bad row is reported, not raised).

    ``columns`` are those of a table that can't be read as posts before it is said which is which, ``files`` those of a
    folder that holds several.
    """

    def __init__(self, message: str, *, columns: Sequence[str] = (), files: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.columns = tuple(columns)
        self.files = tuple(files)


class PictureError(FeedscopeError):
    """A picture can't be decoded, or is larger than the limits."""


class ModelError(FeedscopeError):
    """A model is missing, damaged, of another shape, or can't do what was asked of it."""


class QueryError(FeedscopeError):
    """A search query that can't be run: no parts, an unknown post, a field that does not exist."""


class CollectionError(FeedscopeError):
    """A collection or a saved search that is missing, or that can't be made or changed as asked."""


class FetchError(FeedscopeError):
    """A picture at a web address can't be had, or may not be asked for."""


class ErasureError(FeedscopeError):
    """There is nothing of that id to delete."""


class ExportError(FeedscopeError):
    """What was to be given out is empty, or can't be written where it should be."""


class VectorError(FeedscopeError):
    """A vector operation with the wrong dimension, values that are not finite, or an unknown space."""


class VectorStoreError(VectorError):
    """The vector engine does not answer, refuses the credentials, or lost what it should hold."""


class MapError(FeedscopeError):
    """A map that can't be made or is not there: too few points, nothing encoded, an unknown name."""


class JobStopped(FeedscopeError):
    """A job ended because somebody asked it to stop."""


class JobFailed(FeedscopeError):
    """A job's child process died or reported an error."""


class RoleError(FeedscopeError):
    """The person's role does not allow what was asked."""


class ModerationError(FeedscopeError):
    """A decision, policy or claim that can't be made: unknown, locked, or held by somebody else."""
