"""How people write: the same text, in capitals or without, with emoji, hashtags or haste."""

from __future__ import annotations

from random import Random

from core.demo.script import Line
from core.demo.subjects import shows_held_out

_TAGS = {
    "cats": ("catsofsaltmarrow", "caturday"),
    "dogs": ("dogsofsaltmarrow", "goodboy"),
    "pizza": ("pizzanight", "woodfired"),
    "coffee": ("coffee", "mothandlantern"),
    "baking": ("homebaking", "sourdough"),
    "cooking": ("whatsfordinner", "homecooking"),
    "gardening": ("allotment", "growyourown"),
    "birds": ("birding", "northcliff"),
    "space": ("lookup", "spacewatch"),
    "cycling": ("bikesaltmarrow", "twowheels"),
    "transit": ("line2", "gannettransit"),
    "weather": ("skerrypoint", "saltmarrowweather"),
    "football": ("comeonyouherons", "herons"),
    "hiking": ("pellcrag", "outdoors"),
    "sea": ("lowerquay", "harbourlife"),
    "music": ("tanneryhall", "livemusic"),
    "books": ("amreading", "ropewalklibrary"),
    "games": ("gamenight", "holloworchard"),
    "films": ("glasshousecinema", "filmclub"),
    "tech": ("techlife", "itsadevthing"),
    "work": ("worklife", "officelife"),
    "town": ("saltmarrow", "kettlehill"),
    "family": ("parenting", "familylife"),
    "crafts": ("handmade", "repairshed"),
    "travel": ("slowtravel", "ontheroad"),
    "garage": ("garagelife", "wrenching"),
    "wildlife": ("wildlife", "pinfold"),
    "photography": ("photowalk", "shotinsaltmarrow"),
    "smallads": ("forsale", "fleamarket"),
}
"""Topic -> its hashtags."""

_NEUTRAL_TAGS = ("saltmarrow", "today", "nofilter", "littlethings")
"""For pictures that have to be found without a word."""

_EMOJI = ("✨", "😂", "🥰", "🙌", "😅", "💚", "🎉", "🤷", "😭", "👀", "☀️", "💛")


def in_voice(rng: Random, line: Line, voice: str) -> str:
    """The line's text as a person of that voice would write it. English only: other texts stay as they are."""
    text = line.text
    if line.lang != "en":
        return text
    match voice:
        case "lower":
            text = text.lower().removesuffix(".")
        case "terse":
            text = text.removesuffix(".")
        case "loud" if len(text) < 160 and text.endswith("."):
            text = text[:-1] + "!"
        case "emoji":
            text += " " + "".join(rng.sample(_EMOJI, rng.randrange(1, 4)))
    chance = {"office": 0.05, "formal": 0.02, "blunt": 0.05, "emoji": 0.45, "loud": 0.35}.get(voice, 0.16)
    if line.relation == "root" and not line.rude and "#" not in text and rng.random() < chance:
        own = _TAGS["smallads" if line.ad else line.topic]
        tags: tuple[str, ...] = _NEUTRAL_TAGS if shows_held_out(line.pictures) else own
        text += "".join(f" #{tag}" for tag in rng.sample(tags, rng.choice((1, 1, 2))))
    return text
