"""What emoji show, in many languages: names for ``dual languages``, from Unicode's CLDR annotations.

The packages ``cldr-annotations-full`` and ``cldr-annotations-derived-full`` hold them, a JSON file a language.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.dual_training.stickers import is_left_out
from core.errors import ImportFailed

NOT_THINGS = re.compile("keycap|button|symbol|arrow|square|o’clock|-thirty|suit")
"""In the English names of signs, which no search for pictures asks for."""

SKIN_TONES = range(0x1F3FB, 0x1F400)
LETTERS = range(0x1F1E6, 0x1F200)
TAGS = range(0xE0000, 0xE0080)
"""Parts of emoji that differ in nothing but colour, and of flags."""


def write_emoji_names(packages: Sequence[Path], langs: Sequence[str], out: Path) -> int:
    """Writes a CSV with thing, caption and lang of the unpacked ``packages``, English and ``langs``, and gives how many
    names it holds. Emoji that the encoder's checks ask for are left out, see :func:`is_left_out`.

    Raises ImportFailed where a language is in none of the packages.
    """
    english = _names(packages, "en")
    kept = [emoji for emoji, name in english.items() if _is_thing(emoji, name)]
    rows = []
    for lang in dict.fromkeys(["en", *langs]):
        names = english if lang == "en" else _names(packages, lang)
        rows += [(f"emoji {_code(emoji)}", names[emoji], lang) for emoji in kept if names.get(emoji, "").strip()]
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("thing", "caption", "lang"))
        writer.writerows(rows)
    return len(rows)


def _names(packages: Sequence[Path], lang: str) -> dict[str, str]:
    """Emoji -> the name that is read out loud."""
    found: dict[str, Any] = {}
    for package in packages:
        for path in sorted(package.glob(f"*/{lang}/*.json")):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                (part,) = document.values()
                found |= {emoji: str(said["tts"][0]) for emoji, said in part["annotations"].items() if "tts" in said}
            except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                raise ImportFailed(f"{path} can't be read as CLDR annotations ({error}).") from error
    if not found:
        raise ImportFailed(f"No package holds annotations in {lang!r}: {', '.join(str(one) for one in packages)}.")
    return found


def _is_thing(emoji: str, name: str) -> bool:
    points = [ord(letter) for letter in emoji]
    if not any(0x2600 <= point < 0x3000 or point >= 0x1F000 for point in points):
        return False
    if any(point in part for point in points for part in (SKIN_TONES, LETTERS, TAGS)) or NOT_THINGS.search(name):
        return False
    # By its code points, and by its name's words beside a letter that is no emoji.
    return not is_left_out(_code(emoji)) and not is_left_out("0041", name.lower())


def _code(emoji: str) -> str:
    return "-".join(f"{ord(letter):X}" for letter in emoji)
