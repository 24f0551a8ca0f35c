"""One source of every format; tests/e2e/test_formats_browser.py takes all of them through the Data page."""

from core.ingest.recognise import FORMATS, preview, recognise
from tests.core.ingest import made_sources, test_exports
from tests.core.ingest.made_sources import make_sources


def test_there_is_a_source_of_every_format(tmp_path):
    make_sources(tmp_path)
    made = {name: recognise(tmp_path / name).format for name in made_sources.FORMATS}
    assert made == made_sources.FORMATS
    assert {*made.values(), *test_exports.FORMATS.values()} == set(FORMATS)
    for name in made:
        _, records, failures = preview(tmp_path / name)
        assert records, name
        assert not failures, name
