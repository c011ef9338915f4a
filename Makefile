# run    train if there is no champion, score the published man, serve on 127.0.0.1:3000
# test   the tests        prove  the heavy proofs, every number printed
# check  linters, types, contracts        lock  requirements.lock anew        clean  what these made
#
#   make run COHORT=clinic.csv        on a clinic's own table
#   make test PYTHON=python3.12       with another Python, in a virtual environment of its own

PYTHON ?= python3
VENV ?= .venv
COHORT ?=
PROVE ?= tests
PORT ?= 3000
BIN := $(VENV)/bin

# Nothing leaves the machine: these must be set before the processes start.
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: run test browser prove check bento lock clean
.DEFAULT_GOAL := run

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, got {v.major}.{v.minor}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: $(VENV)/.installed
ifeq ($(COHORT),)
	test -f "$${RESPREDICT_HOME:-.respredict}/champion.json" || $(BIN)/respredict train --promote
else
	$(BIN)/respredict train "$(COHORT)" --promote
endif
	$(BIN)/respredict score data/published_man.json
	$(BIN)/respredict serve --port $(PORT) --sign-in

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2

# Needs Debian's chromium and chromium-driver, or what RESPREDICT_CHROMIUM and
# RESPREDICT_CHROMEDRIVER name; the tests say so where they are absent.
browser: $(VENV)/.browser
	$(BIN)/python -m pytest -m browser tests/browser tests/browser_report

$(VENV)/.browser: $(VENV)/.installed tests/browser/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/browser/requirements.lock
	touch $@

prove: $(VENV)/.installed
	$(BIN)/python -m pytest -m prove -s -ra $(PROVE)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bento: $(VENV)/.installed
	$(BIN)/python -m serving.bento

# One lock for 3.11 to 3.13 on Linux and macOS arm64, with hashes and without the address of an index.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --extra train --extra test pyproject.toml -o requirements.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  -c requirements.lock pyproject.toml -o serving/requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache dist
