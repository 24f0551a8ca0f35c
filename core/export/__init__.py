"""Giving posts out: what a search found, a collection, a queue or everything, as tables and in the layouts of other
tools, each with a ``provenance.json`` that tells where it comes from."""

from __future__ import annotations

from core.export.package import FORMATS, Exported, export
from core.export.subject import Subject, of_collection, of_posts, of_search, of_workspace

__all__ = ["FORMATS", "Exported", "Subject", "export", "of_collection", "of_posts", "of_search", "of_workspace"]
