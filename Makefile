# Feedscope: run, test, lint, bench. VENV=... names another virtual environment, PORT=... another port.
VENV ?= .venv
PORT ?= 8501
PYTHON ?= python3.11
PY := $(VENV)/bin/python
export PYTHONPATH := $(CURDIR)

.PHONY: run test lint bench venv

# The stamp holds the hash of requirements.txt, so that a change of it installs again and nothing else does.
STAMP := $(VENV)/requirements-$(shell sha256sum requirements.txt | cut -c1-16)

venv: $(STAMP)

$(STAMP): requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet --requirement requirements.txt
	rm -f $(VENV)/requirements-*
	touch $@

run: venv
	$(PY) -m core demo --if-missing
	$(PY) -m streamlit run dashboard/app.py --server.port $(PORT)

# Two workers of one thread each: torch with two threads beside another process is ten times slower.
test: venv
	OMP_NUM_THREADS=1 FEEDSCOPE_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: venv
	$(PY) -m tests.bench
