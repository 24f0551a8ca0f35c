"""What keeps strangers' words harmless on the page, read from the source."""

import ast
import re

import pytest

from core.settings import ROOT

SOURCES = sorted([*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")])
SCRIPTS = sorted((ROOT / "assets" / "js").glob("*.js"))
STYLES = sorted((ROOT / "assets" / "css").glob("*.css"))

MARKDOWN_CALLS = {
    "markdown", "write", "caption", "title", "header", "subheader", "info", "warning", "error", "success", "toast",
    "latex", "exception", "badge", "metric",
}  # fmt: skip
HTML_CALLS = {"html", "iframe"}


def streamlit_calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_is_drawn_as_markdown_or_raw_html(path):
    allowed = {"text.py": {"html"}, "theme.py": {"html"}}.get(path.name, set())
    for name, node in streamlit_calls(path):
        assert name not in MARKDOWN_CALLS, f"{path.name}:{node.lineno} draws Markdown"
        assert name not in HTML_CALLS - allowed, f"{path.name}:{node.lineno} draws HTML"
        assert not any(keyword.arg and keyword.arg.startswith("unsafe") for keyword in node.keywords)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_only_resources_caches(path):
    if path.parent.name != "resources":
        assert "st.cache_" not in path.read_text()


def test_kept_calls_have_the_version_in_their_key():
    cached = [
        node for path in (ROOT / "dashboard" / "resources").glob("*.py") for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and any("cache_" in ast.unparse(d) for d in node.decorator_list)
    ]  # fmt: skip
    assert len(cached) > 5
    for function in cached:
        names = [argument.arg for argument in function.args.args]
        assert not any(name.startswith("_") for name in names), f"{function.name} leaves an argument out of its key"
        # the workspace itself, and pictures, whose names are digests of what they hold
        assert "at" in names or function.name in ("_open", "_thumbnail"), function.name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_set_text_and_never_html(path):
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org/2000/svg)"
    assert not re.search(banned, path.read_text())
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|import\(", path.read_text())


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_styles_load_nothing(path):
    assert not re.search(r"url\(|@import", path.read_text())


def test_the_server_is_local_and_sends_no_statistics():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["browser"]["gatherUsageStats"] is False
    fonts = config["theme"]["fontFaces"]
    assert fonts
    for font in fonts:
        assert (ROOT / "dashboard" / font["url"].replace("app/static", "static")).is_file()
