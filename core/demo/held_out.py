"""The emoji that checks of the dual encoder ask for: no training pair may hold one of them.

Code points are OpenMoji's file names (``1F408-200D-2B1B``). A picture of a held-out subject is shown to the encoder for
the first time when it is searched for, so that finding it says something.
"""

from __future__ import annotations

HELD_OUT: dict[str, tuple[str, ...]] = {
    "cat": (
        "1F408",  # cat
        "1F408-200D-2B1B",  # black cat
        "1F431",  # cat face
        "1F431-200D-1F4BB",  # cat at a computer
        "1F638",  # grinning cat face with smiling eyes
        "1F639",  # cat face with tears of joy
        "1F63A",  # smiling cat face with open mouth
        "1F63B",  # smiling cat face with heart-shaped eyes
        "1F63C",  # cat face with wry smile
        "1F63D",  # kissing cat face
        "1F63E",  # pouting cat face
        "1F63F",  # crying cat face
        "1F640",  # weary cat face
        "E045",  # a cat as a company's sign
    ),
    "pizza": ("1F355",),  # slice of pizza
    "rocket": ("1F680", "E20B"),  # rocket, space shuttle
    "dog": (
        "1F415",
        "1F415-200D-1F9BA",
        "1F436",
        "1F429",
        "1F9AE",
        "E182",
    ),  # dog, service dog, face, poodle, guide dog
    "bicycle": ("1F6B2", "1F6B3", "1F6B4", "1F6B5"),  # bicycle, no bicycles, bicyclist, mountain biker
    "guitar": ("1F3B8",),
    "sailing boat": ("26F5",),
    "elephant": ("1F418", "1F9A3"),  # elephant, mammoth
    "banana": ("1F34C",),
    "sunflower": ("1F33B",),
    "owl": ("1F989",),
}
"""Subject -> OpenMoji code points that show it.

Derived forms of a code point here (skin tones, facing right) are held out as well: see :func:`is_held_out`.
"""


def is_held_out(hexcode: str) -> bool:
    """Whether an OpenMoji code point shows a held-out subject, in this or a derived form (skin tone, direction)."""
    return hexcode in _ALL or any(hexcode.startswith(f"{code}-") for code in _ALL)


_ALL: frozenset[str] = frozenset(code for codes in HELD_OUT.values() for code in codes)
