"""Throws random texts at the multilingual engine; run in a process of its own, since native code may end it."""

import random
import sys

import numpy as np

from core.encoders.e5 import load_e5

ALPHABETS = [
    "abc ", "\0\1\t\n", "äöüßéñ", "日本語テキスト", "العربية", "עברית", "हिन्दी", "😀🏳\u200d🌈👩", "\u200b\u202e\u2066",
    "\ud800\udfff", "".join(map(chr, range(0x20, 0x3000, 7))), "\U0010ffff\U000e0001", "query: <s></s><pad><unk>",
]  # fmt: skip
LENGTHS = (0, 1, 2, 3, 5, 8, 13, 40)


def main(seed: int, rounds: int = 16) -> None:
    rng = random.Random(seed)
    model = load_e5()
    for number in range(rounds):
        texts = []
        for _ in range(rng.randrange(1, 5)):
            letters = "".join(rng.sample(ALPHABETS, rng.randrange(1, 4)))
            length = 900 if number == 0 else rng.choice(LENGTHS)
            texts.append("".join(rng.choice(letters) for _ in range(length)))
        vectors = model.encode(texts, query=rng.random() < 0.5)
        assert vectors.shape == (len(texts), 384)
        assert np.isfinite(vectors).all()
    print("whole")


if __name__ == "__main__":
    main(int(sys.argv[1]))
