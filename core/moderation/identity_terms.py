"""Words by which people are named for what they are, in neutral use, by group.

After the lists of Dixon et al. (2018) and the identity labels of the Jigsaw Unintended Bias data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

IDENTITY_TERMS: dict[str, tuple[str, ...]] = {
    "Women": ("woman", "women", "girl", "girls", "female", "mother", "sister"),
    "Men": ("man", "men", "boy", "boys", "male", "father", "brother"),
    "Gay, lesbian, bisexual": ("gay", "lesbian", "bisexual", "homosexual", "queer"),
    "Transgender": ("trans", "transgender", "nonbinary"),
    "Muslim": ("muslim", "muslims", "islam", "islamic"),
    "Jewish": ("jew", "jews", "jewish", "judaism"),
    "Christian": ("christian", "christians", "catholic", "catholics"),
    "Hindu": ("hindu", "hindus"),
    "Black": ("black", "african", "africans"),
    "White": ("white", "caucasian"),
    "Asian": ("asian", "asians", "chinese", "japanese", "korean", "indian"),
    "Arab": ("arab", "arabs", "arabic"),
    "Latino": ("latino", "latina", "hispanic", "mexican", "mexicans"),
    "Immigrants": ("immigrant", "immigrants", "refugee", "refugees", "migrant", "migrants"),
    "Disability": ("disabled", "blind", "deaf", "autistic", "wheelchair"),
    "Old": ("elderly", "old people", "pensioner", "pensioners"),
}


def group_pattern(terms: Sequence[str]) -> str:
    """A regular expression that finds any of a group's words in a text in small letters."""
    return r"\b(?:" + "|".join(re.escape(term) for term in terms) + r")\b"


SWAPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("women", ("men", "people")),
    ("woman", ("man", "person")),
    ("girl", ("boy", "child")),
    ("girls", ("boys", "children")),
    ("gay", ("straight",)),
    ("lesbian", ("straight",)),
    ("trans", ("ordinary",)),
    ("muslim", ("christian", "religious")),
    ("muslims", ("christians", "believers")),
    ("islam", ("christianity", "religion")),
    ("jew", ("christian", "believer")),
    ("jews", ("christians", "believers")),
    ("jewish", ("christian", "religious")),
    ("black", ("white",)),
    ("white", ("black",)),
    ("african", ("european",)),
    ("asian", ("european",)),
    ("chinese", ("french",)),
    ("mexican", ("canadian",)),
    ("mexicans", ("canadians",)),
    ("arab", ("european",)),
    ("arabs", ("europeans",)),
    ("immigrant", ("newcomer",)),
    ("immigrants", ("newcomers",)),
    ("refugees", ("newcomers",)),
    ("disabled", ("ordinary",)),
)
"""What the swap test puts in place of a word, in small letters."""
