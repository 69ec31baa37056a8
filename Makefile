# Everything runs in .venv, made on the first call with the tested versions; nothing is asked.
# make PYTHON=/path/to/python chooses the interpreter, PIP_ARGS="..." goes to pip.

VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.made
# One thread per test process: more only compete for the same cores.
# Notebooks call `mmda`.
ON_PATH := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
TEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -m "not gpu" -n auto --dist worksteal

.PHONY: help demo demo-full test lint types docs notebooks doctor release clean

help:
	@echo "make demo       train and compare on a small data set that the package makes itself"
	@echo "make demo-full  the same with more methods and seeds"
	@echo "make test       all tests that need no GPU;  make lint, make types: static checks"
	@echo "make docs       the documentation as a site, in build/site"
	@echo "make notebooks  the notebooks of docs/notebooks, run again in place"
	@echo "make release    wheel and source archive in dist/, checked and tried in an empty environment"
	@echo "make doctor     what is installed, and whether it was tested together"
	@echo "make clean      remove .venv and everything built"

# Only what decides the environment's content: a second call does nothing.
$(STAMP): requirements/tested.txt requirements/dev.txt setup.py tools/make_venv.sh
	@echo "making $(VENV) (some minutes on the first call)"
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" bash tools/make_venv.sh $(VENV)
	@touch $@

demo: $(STAMP)
	$(RUN) tools/demo.py

demo-full: $(STAMP)
	$(RUN) tools/demo.py --full

test: $(STAMP)
	$(TEST)

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m codespell_lib mmda_ext tests tools configs docs setup.py Makefile *.md

types: $(STAMP)
	$(RUN) -m mypy

# The notebooks are run for the site, so a page that no longer works stops here.
docs: $(STAMP)
	$(ON_PATH) NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build

# The same for those in the checkout, with their results and pictures.
notebooks: $(STAMP)
	$(ON_PATH) $(RUN) -m nbconvert --to notebook --execute --inplace docs/notebooks/*.ipynb

doctor: $(STAMP)
	$(RUN) -m mmda_ext.doctor

# The wheel is built from the source archive, so both are tried.
release:
	rm -rf dist build/release
	$(or $(PYTHON),python3) -m venv build/release
	build/release/bin/pip install --quiet $(PIP_ARGS) -r requirements/release.txt
	build/release/bin/python -m build --quiet
	build/release/bin/python -m twine check --strict dist/*
	build/release/bin/pip install --quiet $(PIP_ARGS) "$$(ls dist/*.whl)[analysis]"
	cd / && $(CURDIR)/build/release/bin/mim search mmda_ext --config gmp_slowfast_epic
	cd / && $(CURDIR)/build/release/bin/python $(CURDIR)/tools/try_installed.py

clean:
	rm -rf $(VENV) build dist *.egg-info mmda_ext/.mim .pytest_cache .mypy_cache .ruff_cache
