"""How the index of a space stands: its family and why, what it holds, how well it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core import derived
from core.database.vectors import HERE
from core.indexes import KINDS, Kind, PartStatus
from core.types import Space
from core.vectors.choice import chosen_family, wanted_family
from core.vectors.families import AUTO, FAMILIES, choose_family
from core.vectors.quality import Measurement, last_measurement, outdated

if TYPE_CHECKING:
    from core.workspace import Workspace

Rating = Literal["exact", "measured", "outdated", "unknown"]


@dataclass(frozen=True, slots=True)
class Standing:
    """``family`` serves now and ``wanted`` is what the next build makes, for the reason ``why``, a sentence;
    ``auto`` is what would be taken without a choice, ``by_hand`` whether there is one. ``ours`` is False where a server
    keeps the vectors and its index. ``outdated`` says why ``measured`` no longer holds."""

    kind: Kind
    space: Space
    part: PartStatus
    family: str
    exact: bool
    wanted: str
    why: str
    auto: str
    by_hand: bool
    ours: bool
    measured: Measurement | None
    outdated: str | None

    @property
    def rating(self) -> Rating:
        if self.exact:
            return "exact"
        if self.measured is None:
            return "unknown"
        return "outdated" if self.outdated else "measured"


def standings(workspace: Workspace) -> tuple[Standing, ...]:
    """The standing of each space of which something is encoded. Read from the database and the saved index's manifest,
    so that it is quick; no index is opened."""
    parts = {part.name: part for part in workspace.indexes.status()}
    spaces = {kind: workspace.indexes.space(kind) for kind in KINDS}
    return tuple(_standing(workspace, kind, space, parts[kind]) for kind, space in spaces.items() if space is not None)


def _standing(workspace: Workspace, kind: Kind, space: Space, part: PartStatus) -> Standing:
    manifest = derived.read_manifest(workspace.indexes.folder(space))
    store = workspace.indexes.store
    ours = store.key == HERE
    # Until an index is saved, what is encoded here is searched exactly.
    family = str(manifest.about["family"]) if manifest and ours else "flat" if ours else store.key.partition(":")[0]
    wanted, why = wanted_family(workspace.cursor(), space, part.rows)
    measured = last_measurement(workspace, kind)
    return Standing(
        kind=kind,
        space=space,
        part=part,
        family=family,
        exact=ours and family in FAMILIES and FAMILIES[family].exact,
        wanted=wanted if ours else family,
        why=why if ours else f"The vectors are kept on {store.title}, which builds its own index.",
        auto=choose_family(part.rows, space.dim)[0],
        by_hand=chosen_family(workspace.cursor(), kind) != AUTO,
        ours=ours,
        measured=measured,
        outdated=outdated(workspace, kind, measured, family) if measured else None,
    )
