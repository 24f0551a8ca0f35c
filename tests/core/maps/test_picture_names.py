import numpy as np

from core.maps.picture_names import joined, name_by_pictures, vocabulary


class Words:
    """An encoder in which a prompt is the direction of its place in the vocabulary."""

    def encode_queries(self, texts):
        return np.eye(len(texts), dtype=np.float32)


def test_clusters_are_named_by_what_their_pictures_show_more_than_all_do():
    words = vocabulary()
    assert len(words) == len(set(words)) > 200
    vectors = np.zeros((60, len(words)), np.float32)
    vectors[:, words.index("people")] = 2  # is near to every picture, and so names none
    vectors[:30, words.index("dog")] = 1
    vectors[30:, words.index("beach")] = 1
    labels = np.repeat([0, 1], 30)[None].astype(np.int32)
    named = name_by_pictures(vectors, labels, Words())[0]
    assert [own[0][0] for own in named] == ["dog", "beach"]


def test_what_they_show_comes_before_what_is_said():
    found = joined([("dog", 0.9), ("cat", 0.1), ("cow", -0.2)], [("Dog", 2.0), ("walk", 1.0)])
    assert [word for word, _ in found] == ["dog", "cat", "walk"]
