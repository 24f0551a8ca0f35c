import numpy as np

from core.maps.names import name_clusters, name_of, terms_of


def forms(text, lang="en"):
    return [form for form, _ in terms_of(text, lang)]


def test_terms_are_words_and_pairs_without_stop_words_links_and_mentions():
    text = "The sourdough bread of @baker is on https://example.org/sourdough &amp; it's great"
    assert forms(text) == ["sourdough", "bread", "sourdough bread"]
    assert forms("der Hund und die Katze", "de") == ["hund", "katze"]
    assert forms("2024 7 a 10") == []


def test_scripts_without_spaces_give_pairs_of_characters():
    assert "猫猫" not in forms("猫", "ja")
    assert "東京" in forms("東京都庁は高い", "ja")
    assert not {"って", "てい"} & set(forms("猫が走っている", "ja"))


def test_a_cluster_is_named_by_what_it_says_more_than_the_others():
    topics = ["cats purr loudly", "fresh espresso beans", "rocket launch tonight"]
    texts = [(at, "en", f"{topics[at % 3]}. People, word{at}") for at in range(60)]
    labels = np.stack([np.arange(60) % 3]).astype(np.int32)
    terms = name_clusters(labels, texts, lambda done, total: None)[0]
    assert {term for term, _ in terms[0]} & {"cats purr", "purr loudly"}
    assert {term for term, _ in terms[2]} & {"rocket launch", "launch tonight"}
    assert not any("people" in term or "word" in term for own in terms for term, _ in own)
    assert name_of(terms[0])


def test_what_a_whole_set_is_about_names_no_part_of_it():
    topics = ["sore arm", "swollen lymph", "booster appointment", "pharmacy queue"]
    texts = [(at, "en", f"Vaccine {topics[at % 4]} vaccine{'' if at % 4 else ' vaccine news'}") for at in range(80)]
    labels = np.stack([np.arange(80) % 4]).astype(np.int32)
    terms = name_clusters(labels, texts, lambda done, total: None)[0]
    assert [name_of(own) for own in terms][1:] == topics[1:]
    assert not any("accine" in term for own in terms for term, _ in own)


def test_saying_it_often_in_one_text_counts_once():
    texts = [(0, "en", "spam " * 50), *((at, "en", "garden beans ripe") for at in range(1, 10))]
    terms = name_clusters(np.zeros((1, 10), np.int32), texts, lambda done, total: None)[0][0]
    assert all("spam" not in term for term, _ in terms)


def test_clusters_without_a_word_have_no_name():
    labels = np.array([[0, 1, 1]], np.int32)
    assert name_clusters(labels, [(0, None, ""), (1, None, "🙂"), (2, None, "the of")], lambda d, t: None)[0][0] == []
    assert name_of(()) == ""
