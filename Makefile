# make demo: set up and run the main job.   make test: set up and run every test.
# Everything lands in .venv, and a second call does only what has changed.
# make release: a folder of wheels in dist/ that installs without any index.
# `make test PYTHON=python3.12` uses another Python than python3 (3.11 or later).
# `make release PYTHONS="python3.11 python3.12"` compiles the engine for these alone.

PYTHON ?= python3
PYTHONS ?= $(PYTHON) python3.11 python3.12 python3.13
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.done
SOURCES := $(sort $(shell find stressd -type f -not -name '*.pyc' -not -name '*.so'))
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALL := $(PIP) install --require-hashes --no-deps
CHECKED := stressd tests benchmarks release setup.py
export PYTHON

.DEFAULT_GOAL := demo
.PHONY: demo test soak check format docs bench decisions build release lock clean FORCE

demo: $(DONE)/installed
	@$(BIN)/stressd demo

# the compiler on one core, beside it the tests' packages and the checks
test:
	@$(MAKE) --no-print-directory --jobs=2 $(DONE)/wheel check
	@$(MAKE) --no-print-directory $(DONE)/test
	@$(BIN)/python tests/run.py

soak: $(DONE)/test
	@PYTHONSAFEPATH=1 $(BIN)/pytest -m soak -v --timeout 0 tests

check: $(DONE)/test-tools
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy stressd setup.py benchmarks release
	@$(BIN)/bandit -q -c pyproject.toml -r stressd

format: $(DONE)/test
	@$(BIN)/ruff format $(CHECKED)
	@$(BIN)/ruff check --fix $(CHECKED)

# the pages and schemas that are made from the program
docs: $(DONE)/test
	@for what in config event report; do $(BIN)/python -m stressd schema $$what > build/schema; \
	    case $$what in config) to=stressd;; *) to=$$what;; esac; mv build/schema config/$$to.schema.json; done
	@for page in config:configuration event:events commands:commands; do \
	    $(BIN)/python -m stressd schema --markdown $${page%:*} > build/page; mv build/page docs/$${page#*:}.md; done

bench: $(DONE)/test
	@$(BIN)/python benchmarks/ingest.py
	@$(BIN)/python benchmarks/offline.py

# after METHOD was raised: the list of decisions anew, and what has changed into docs/methods.md
decisions: $(DONE)/installed
	@$(BIN)/python benchmarks/decisions.py

build: $(DONE)/installed
	@mkdir -p dist && cp build/wheel/*.whl dist/ && ls dist/*.whl

release: $(DONE)/test
	@$(BIN)/python -m release $(addprefix --python=,$(PYTHONS))

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# --- set-up, one stamp a step ---

$(DONE)/debian: requirements/debian.txt requirements/debian.sh
	@requirements/debian.sh run
	@mkdir -p $(DONE) && touch $@

$(BIN)/python: | $(DONE)/debian
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "stressd needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "stressd: making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(DONE)/tools: requirements/build.txt | $(BIN)/python
	@echo "stressd: installing the build tools"
	@$(INSTALL) -r $<
	@touch $@

$(DONE)/runtime: requirements/runtime.txt $(DONE)/tools
	@echo "stressd: installing what it runs on"
	@$(INSTALL) -r $<
	@touch $@

$(DONE)/sources: FORCE | $(BIN)/python
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

# the wheel, compiled wherever there is a compiler; a compiler that fails is then an error
$(DONE)/wheel: $(SOURCES) $(DONE)/sources $(DONE)/runtime pyproject.toml setup.py $(wildcard requirements/page/*)
	@echo "stressd: building it (the engine is compiled: two minutes or so)"
	@rm -rf build/wheel
	@if [ -z "$$STRESSD_PURE" ] && command -v cc >/dev/null && \
	    $(BIN)/python -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null; \
	    then export STRESSD_COMPILED=1; fi; \
	    $(PIP) wheel . --no-deps --no-build-isolation --wheel-dir build/wheel
	@touch $@

$(DONE)/installed: $(DONE)/wheel
	@$(PIP) install --no-deps --force-reinstall build/wheel/*.whl
	@PYTHONSAFEPATH=1 $(BIN)/python -c 'from stressd.engine.form import FORM; print(FORM)' > $(DONE)/form
	@echo "stressd: installed, engine $$(cat $(DONE)/form)"
	@touch $@

$(DONE)/debian-test: requirements/debian.txt requirements/debian.sh $(DONE)/debian
	@requirements/debian.sh test
	@touch $@

$(DONE)/test-tools: requirements/test.txt $(DONE)/runtime
	@echo "stressd: installing what the tests need"
	@$(INSTALL) -r $<
	@touch $@

$(DONE)/test: $(DONE)/test-tools $(DONE)/installed $(DONE)/debian-test
	@touch $@

# --- locks: names, versions and hashes, whatever index this machine is set to use ---

COMPILE := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= $(BIN)/pip-compile --quiet --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --allow-unsafe --strip-extras
WANTED := $(BIN)/python -c 'import sys, tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*(sys.argv[1:] and sum((p["optional-dependencies"][e] for e in sys.argv[1:]), []) or p["dependencies"]), sep="\n")'

lock: $(DONE)/tools
	@$(INSTALL) -r requirements/dev.txt
	@mkdir -p build/lock
	@$(WANTED) > build/lock/runtime.in
	@$(WANTED) test > build/lock/test.in
	@$(WANTED) dev > build/lock/dev.in
	$(COMPILE) $(UPGRADE) -o requirements/build.txt requirements/build.in
	$(COMPILE) $(UPGRADE) -c requirements/build.txt -o requirements/runtime.txt build/lock/runtime.in
	$(COMPILE) $(UPGRADE) -c requirements/build.txt -c requirements/runtime.txt \
	    -o requirements/test.txt build/lock/runtime.in build/lock/test.in
	$(COMPILE) $(UPGRADE) -c requirements/build.txt -o requirements/dev.txt build/lock/dev.in
	@for lock in build runtime test dev; do sed -i '/^#/d; /^$$/d' requirements/$$lock.txt; done
