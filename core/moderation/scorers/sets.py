"""The labelled sets that the word scorer learns from, and what their labels say of each attribute.

A set says something of an attribute where its labels are about it; of the others its texts are left out. Labels are
what annotators of each set were asked, so "insult" of one and "offensive" of another are not the same question:
the card beside the weights says what that costs.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ImportFailed

Rating = int | None
"""1 it is so, 0 it is not, None the set says nothing."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A file of texts: ``columns`` of text and label, by name or number; ``says`` maps a label to each attribute."""

    file: str
    text: str | int
    label: str | int
    says: Mapping[str, Mapping[str, Rating]]
    licence: str


def _ratings(**labels: str) -> dict[str, dict[str, Rating]]:
    """Attributes by label, each written as ``+`` is, ``-`` is not; letters T I N P S name the attributes."""
    names = {"T": "TOXICITY", "I": "IDENTITY_ATTACK", "N": "INSULT", "P": "PROFANITY", "S": "SPAM"}
    found: dict[str, dict[str, Rating]] = {}
    for label, marks in labels.items():
        found[label] = {names[mark[0]]: 1 if mark[1] == "+" else 0 for mark in marks.split()}
    return found


SETS: dict[str, LabelledSet] = {
    "hatexplain": LabelledSet(
        "hatexplain_train.csv", "text", "label",
        _ratings(normal="T- I- N- P- S-", offensive="T+ I- N+ S-", hatespeech="T+ I+ N+ S-"),
        "MIT",
    ),
    "davidson": LabelledSet(
        "davidson_labeled_data.csv", "tweet", "class",
        {"0": {"TOXICITY": 1, "IDENTITY_ATTACK": 1, "INSULT": 1, "SPAM": 0},
         "1": {"TOXICITY": 1, "IDENTITY_ATTACK": 0, "PROFANITY": 1, "SPAM": 0},
         "2": {"TOXICITY": 0, "IDENTITY_ATTACK": 0, "INSULT": 0, "PROFANITY": 0, "SPAM": 0}},
        "MIT",
    ),
    "olid": LabelledSet(
        "olid_training.tsv", "tweet", "subtask_a",
        _ratings(NOT="T- I- N- P- S-", UNT="T+ I- N- P+ S-", IND="T+ I- N+ S-", GRP="T+ N+ S-", OTH="T+ N+ S-"),
        "CC-BY-4.0",
    ),
    "sms": LabelledSet("sms_spam.tsv", 1, 0, _ratings(ham="T- I- N- S-", spam="S+"), "CC-BY-4.0 (UCI)"),
}  # fmt: skip
CLASS_SET = "hatexplain"
CLASS_NAMES = ("normal", "offensive", "hatespeech")


def read_set(folder: Path, name: str) -> tuple[list[str], list[str]]:
    """Texts and labels of a set. Of OLID the label is the finest of its three: NOT, UNT, IND, GRP or OTH.

    Raises ImportFailed where its file is not there.
    """
    known = SETS[name]
    path = folder / known.file
    if not path.is_file():
        raise ImportFailed(f"{path} is not there: the set {name} needs it.")
    if name == "olid":
        _, texts, target = read_columns(path, "tweet", "subtask_a", also=("subtask_b", "subtask_c"))
        return texts, [_finest(*values) for values in target]
    _, texts, labels = read_columns(path, known.text, known.label)
    return texts, [values[0] for values in labels]


def _finest(offensive: str, targeted: str, target: str) -> str:
    if offensive == "NOT":
        return "NOT"
    return "UNT" if targeted == "UNT" else target if target in ("IND", "GRP", "OTH") else "OTH"


def read_columns(
    path: Path, text: str | int, label: str | int, *, also: tuple[str | int, ...] = ()
) -> tuple[list[str], list[str], list[tuple[str, ...]]]:
    """(head, texts, labels with the other columns) of a CSV or TSV file, with or without a head.

    Columns are named where there is a head, or numbered from 0. A tab in the first line makes it TSV, where quotes have
    no meaning. Raises ImportFailed for a file or a column that is not there.
    """
    csv.field_size_limit(1 << 27)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline()
            file.seek(0)
            tabs = "\t" in first
            reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(file)
            rows = [row for row in reader if row]
    except (OSError, csv.Error) as error:
        raise ImportFailed(f"{path} can't be read: {error}") from error
    if not rows:
        raise ImportFailed(f"{path} is empty.")
    wanted = (text, label, *also)
    find = _by_name(path, rows[0]) if any(_is_name(one, rows[0]) for one in wanted) else _by_number(path, rows[0])
    head = rows.pop(0) if any(_is_name(one, rows[0]) for one in wanted) else []
    places = [find(one) for one in wanted]
    whole = [row for row in rows if len(row) > max(places)]
    if not whole:
        raise ImportFailed(f"{path} has no row with the columns {text} and {label}.")
    texts = [row[places[0]] for row in whole]
    return head, texts, [tuple(row[place].strip() for place in places[1:]) for row in whole]


def _is_name(wanted: str | int, first: list[str]) -> bool:
    return isinstance(wanted, str) and (wanted in first or not wanted.isdecimal())


def _by_name(path: Path, head: list[str]) -> Callable[[str | int], int]:
    def find(wanted: str | int) -> int:
        if str(wanted) in head:
            return head.index(str(wanted))
        if str(wanted).isdecimal() and int(wanted) < len(head):
            return int(wanted)
        shown = ", ".join(head[:20])
        raise ImportFailed(f"{path} has no column {wanted!r}; it has {shown}. Without a head, number columns from 0.")

    return find


def _by_number(path: Path, first: list[str]) -> Callable[[str | int], int]:
    def find(wanted: str | int) -> int:
        if int(wanted) >= len(first):
            raise ImportFailed(f"{path} has {len(first)} columns, numbered from 0: there is no column {wanted}.")
        return int(wanted)

    return find
