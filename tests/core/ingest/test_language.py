import pytest

from core.ingest.language import guess_language


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Does anyone know when the library opens on Saturdays?", "en"),
        ("Weiß jemand, wann die Bücherei am Samstag aufmacht?", "de"),
        ("Quelqu'un sait à quelle heure ouvre la bibliothèque ?", "fr"),
        ("図書館は土曜日に何時に開きますか", "ja"),
        ("图书馆星期六几点开门", "zh"),
        ("متى تفتح المكتبة أبوابها يوم السبت؟", "ar"),
        ("Хто знає, коли відчиняється бібліотека в суботу?", "uk"),
        ("lol", None),
        ("#tag @someone https://example.org/a/long/path", None),
        ("", None),
        ("\u200b" * 5000, None),
    ],
)
def test_guesses_or_says_that_it_can_not(text, lang):
    assert guess_language(text) == lang
