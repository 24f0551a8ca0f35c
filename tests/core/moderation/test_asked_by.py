"""Whoever calls moderation from the app says who asks: without it the call would be made as the one who is alone."""

import ast
import importlib
import inspect
import pkgutil

import core.moderation
from core.settings import ROOT


def _asking():
    """Names of the functions of core.moderation that take the person who asks."""
    found = set()
    for module in pkgutil.walk_packages(core.moderation.__path__, "core.moderation."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_"):
                by = inspect.signature(value).parameters.get("by")
                if by is not None:
                    found.add(name)
    return found


def test_every_call_from_the_app_says_who_asks():
    asking = _asking()
    assert {"decide", "claim_next", "report", "erase_person", "export_bank", "recent_decisions"} <= asking
    silent, seen = [], 0
    for path in [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        tree = ast.parse(path.read_text())
        ours = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core.moderation")
            for alias in node.names
        } & asking
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Name) and called.id == "partial" and node.args:
                called = node.args[0]
            if isinstance(called, ast.Name) and called.id in ours:
                seen += 1
                if "by" not in {keyword.arg for keyword in node.keywords}:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {called.id}")
    assert seen > 20
    assert not silent
