"""Who may do what. Every call that changes or reads moderation takes the person who asks, and refuses here.

Alone on a laptop nobody logs in: the one person is :data:`ALONE`, an admin. A team names its people in a TOML file
(``FEEDSCOPE_ROLES``) and logs in by OpenID Connect; :func:`person_of` then says who somebody is by their claims.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from core.errors import RoleError, SettingError

Role: TypeAlias = Literal["viewer", "reviewer", "lead", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "reviewer", "lead", "admin")

Act: TypeAlias = Literal[
    "report", "review", "see hidden", "see locked", "unlock", "decide on accounts", "insights", "policies", "banks",
    "export", "data", "erase",
]  # fmt: skip
LEAST: dict[Act, Role] = {
    "report": "viewer",
    "review": "reviewer",
    "see hidden": "reviewer",
    "export": "reviewer",
    "insights": "reviewer",
    "decide on accounts": "reviewer",
    "see locked": "lead",
    "unlock": "lead",
    "policies": "lead",
    "banks": "lead",
    "data": "lead",
    "erase": "admin",
}
SAID: dict[Act, str] = {
    "report": "send posts to review",
    "review": "review posts",
    "see hidden": "see removed posts",
    "export": "export decisions",
    "insights": "see how moderation goes",
    "decide on accounts": "decide on accounts",
    "see locked": "see locked posts",
    "unlock": "unlock posts",
    "policies": "change policies",
    "banks": "change banks of known content",
    "data": "bring data in",
    "erase": "erase a person",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who uses Feedscope: ``name`` is what the log writes, an address or an id."""

    name: str
    role: Role

    def may(self, act: Act) -> bool:
        return ROLES.index(self.role) >= ROLES.index(LEAST[act])

    def require(self, act: Act) -> None:
        """Raises RoleError where the role does not allow it."""
        if not self.may(act):
            raise RoleError(
                f"To {SAID[act]} takes the role {LEAST[act]}; {self.name} has the role {self.role}."
                " An admin gives roles in the file that FEEDSCOPE_ROLES names."
            )


ALONE = Person("you", "admin")
"""The only person where nobody logs in."""


@dataclass(frozen=True, slots=True)
class RoleList:
    """Roles by a person's e-mail or subject and by a group of theirs; of several the highest counts."""

    people: Mapping[str, Role]
    groups: Mapping[str, Role]
    otherwise: Role | None
    groups_claim: str = "groups"


def read_roles(path: Path) -> RoleList:
    """From a TOML file::

        default = "viewer"          # for everybody who can log in; leave out to refuse them
        groups_claim = "groups"
        [people]
        "ann@example.org" = "lead"
        [groups]
        moderators = "reviewer"

    Raises SettingError for a file that can't be read or names a role that does not exist.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"FEEDSCOPE_ROLES={path} can't be read: {error}") from error

    def roles(name: str) -> dict[str, Role]:
        table = given.get(name, {})
        if not isinstance(table, dict):
            raise SettingError(f"FEEDSCOPE_ROLES={path}: [{name}] is no table of roles.")
        return {str(key): _role(path, value) for key, value in table.items()}

    otherwise = given.get("default")
    return RoleList(
        roles("people"),
        roles("groups"),
        None if otherwise is None else _role(path, otherwise),
        str(given.get("groups_claim", "groups")),
    )


def _role(path: Path, value: object) -> Role:
    if value not in ROLES:
        raise SettingError(f"FEEDSCOPE_ROLES={path}: {value!r} is no role; there are {', '.join(ROLES)}.")
    return value


def person_of(claims: Mapping[str, Any], roles: RoleList) -> Person:
    """Who somebody is by the claims of their identity token. An e-mail counts only where the provider verified it.

    Raises RoleError for somebody whom the list gives no role.
    """
    subject = str(claims.get("sub") or "")
    email = str(claims.get("email") or "").lower() if claims.get("email_verified") is True else ""
    name = email or subject
    if not name:
        raise RoleError("The login said neither who you are nor a verified e-mail address.")
    groups = claims.get(roles.groups_claim) or ()
    groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list | tuple) else []
    people = {key.lower(): role for key, role in roles.people.items()}
    found = [people[key] for key in (email, subject.lower()) if key and key in people]
    found += [roles.groups[str(group)] for group in groups if str(group) in roles.groups]
    if not found and roles.otherwise is not None:
        found.append(roles.otherwise)
    if not found:
        raise RoleError(f"{name} has no role here. An admin gives one in the file that FEEDSCOPE_ROLES names.")
    return Person(name, max(found, key=ROLES.index))
