# Everything runs in .venv, made on the first call with the tested versions; nothing is asked.
# make PYTHON=/path/to/python chooses the interpreter, PIP_ARGS="..." goes to pip.

VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.made
# One thread per test process: more only compete for the same cores.
TEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -m "not gpu" -n auto --dist worksteal

.PHONY: help demo demo-full test lint types docs doctor clean

help:
	@echo "make demo       train and compare on a small data set that the package makes itself"
	@echo "make demo-full  the same with more methods and seeds"
	@echo "make test       all tests that need no GPU;  make lint, make types: static checks"
	@echo "make docs       the documentation as a site, in build/site"
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

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build

doctor: $(STAMP)
	$(RUN) -m mmda_ext.doctor

clean:
	rm -rf $(VENV) build dist *.egg-info mmda_ext/.mim .pytest_cache .mypy_cache .ruff_cache
