"""pages -> dashboard -> core, and no way back; heavy libraries only where they are used."""

import ast
import json
import subprocess
import sys

import pytest

from core.settings import ROOT

HEAVY = {"torch", "torchvision", "transformers", "sentence_transformers", "open_clip", "timm", "umap", "sklearn"}
FORBIDDEN = {
    "core": {"streamlit", "dashboard", "pages"},
    "dashboard": {"pages", "duckdb", "faiss", "tantivy", *HEAVY},
    "pages": {"pages", "duckdb", "faiss", "tantivy", *HEAVY},
}


def imports(path, *, at_top_only=False):
    """(module, line) of each import in a file."""
    tree = ast.parse(path.read_text(), filename=str(path))
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for node in ast.walk(f)}
    for node in ast.walk(tree):
        if at_top_only and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def files(layer):
    found = sorted((ROOT / layer).rglob("*.py"))
    assert found, f"{layer} has no files: this test looks in the wrong place"
    return found


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_above_it(layer):
    breaches = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files(layer)
        for module, line in imports(path)
        if module.split(".")[0] in FORBIDDEN[layer]
    ]
    assert not breaches, "\n".join(breaches)


def test_heavy_libraries_are_imported_inside_functions():
    breaches = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for layer in FORBIDDEN
        for path in files(layer)
        for module, line in imports(path, at_top_only=True)
        if module.split(".")[0] in HEAVY and not _under_type_checking(path, line)
    ]
    assert not breaches, "\n".join(breaches)


def _under_type_checking(path, line):
    blocks = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.If))
    return any(
        ast.unparse(block.test) == "TYPE_CHECKING" and block.lineno <= line <= block.body[-1].end_lineno
        for block in blocks
    )


def test_the_app_starts_without_a_model_library():
    """The first page must not wait for torch: importing all that the app imports loads none of the heavy libraries."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files("dashboard")
        if path.name not in ("app.py", "__init__.py")
    ]
    script = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout.splitlines()[-1]))
