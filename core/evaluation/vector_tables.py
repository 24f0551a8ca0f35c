"""The document of :mod:`core.evaluation.vector_bench` as tables, and what it says about the goals of the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EQUAL = 0.002
"""Recalls that differ by less count as the same."""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(found: dict[str, Any]) -> list[Table]:
    """For a person: families, filters, building, goals."""
    families = found["families"]
    flat = families.get("flat", {}).get("search", {}).get("flat", {}).get("p50")
    speed, filters, building = [], [], []
    for name, entry in families.items():
        for who, figures in entry["search"].items():
            factor = f"{flat / figures['p50']:.1f}x" if flat else "-"
            held = (f"{entry['memory_mb']:,}", f"{entry['memory_share']:.1%}") if who == name else ("", "")
            speed.append((who, *_figures(figures), factor, *held))
        if isinstance(entry.get("hnswlib"), dict):
            beside = entry["hnswlib"]["hnswlib"]
            speed.append(("hnswlib", *_figures(beside), f"{flat / beside['p50']:.1f}x" if flat else "-", "", ""))
        elif "hnswlib" in entry:
            speed.append((f"hnswlib: {entry['hnswlib']}", "", "", "", "", "", ""))
        for share, one in entry["filtered"].items():
            filters += [
                (share, who, one["plan"] if who == name else "", *_figures(figures))
                for who, figures in one.items()
                if isinstance(figures, dict)
            ]
        twice = entry["building"]
        building.append((
            name, f"{entry['build_s']:,}", f"{entry['save_s']:,}", f"{entry['open_ms']:,}",
            f"{twice['ratio']:.2f}", ", ".join(f"{key} {value}" for key, value in entry["settings"].items()),
        ))  # fmt: skip
    about = f"{found['count']:,} vectors ({found['vectors']}) of {found['dim']} numbers, {found['queries']} queries"
    microseconds = ("p50 µs", "p95 µs", "recall@10")
    return [
        Table(about, ("search", *microseconds, "over flat", "memory MB", "of flat's"), tuple(speed)),
        Table("Under filters", ("may be returned", "search", "done by", *microseconds), tuple(filters)),
        Table("Building", ("family", "s", "save s", "open ms", "over bare Faiss", "chosen"), tuple(building)),
        Table("Goals", ("goal", "limit", "measured", "met"), tuple(
            (goal["goal"], str(goal["limit"]), str(goal["measured"]), "yes" if goal["met"] else "no")
            for goal in found.get("goals", [])
        )),
    ]  # fmt: skip


def _figures(figures: dict[str, float]) -> tuple[str, str, str]:
    return f"{figures['p50']:,}", f"{figures['p95']:,}", f"{figures['recall@10']:.4f}"


def goals_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal with its limit, what was measured, and whether it is met; those of families that were not measured are
    left out."""
    goals: list[dict[str, Any]] = []

    def add(goal: str, limit: float, measured: float, met: bool) -> None:
        goals.append({"goal": goal, "limit": round(limit, 3), "measured": round(measured, 4), "met": met})

    for name, entry in found["families"].items():
        if name == "hnsw":
            ours, bare = entry["search"]["hnsw"], entry["search"]["bare hnsw"]
            limit = 1.05 * bare["p50"] + 10
            add("hnsw: one query, µs (1.05 x bare + 10)", limit, ours["p50"], ours["p50"] <= limit)
            add("hnsw: recall@10", 0.99, ours["recall@10"], ours["recall@10"] >= 0.99)
            for share, one in entry["filtered"].items():
                equal = one["hnsw"]["recall@10"] - EQUAL
                bares = [one[who] for who in ("bare exact", "bare hnsw") if one[who]["recall@10"] >= equal]
                ratio = one["hnsw"]["p50"] / min(figures["p50"] for figures in bares)
                add(f"hnsw: filtered {share}, times the quicker bare", 1.2, ratio, ratio <= 1.2)
        if entry["memory_share"] <= 0.25:
            recall = entry["search"][name]["recall@10"]
            add(f"{name}: recall@10 at {entry['memory_share']:.1%} of the memory", 0.95, recall, recall >= 0.95)
        if name != "flat":  # which builds nothing
            worst = min(one[name]["recall@10"] for one in entry["filtered"].values())
            add(f"{name}: recall@10 under each filter", 0.99, worst, worst >= 0.99)
            ratio = entry["building"]["ratio"]
            add(f"{name}: building, times bare Faiss", 1.1, ratio, ratio <= 1.1)
    return goals
