# Set-up, demo, tests and checks. `make demo` and `make test` do everything from a fresh Debian 12 or 13 or Ubuntu 24.04 machine on,
# with its own Python and the versions that were tested with that one (constraints/).
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SYSTEM_PACKAGES := g++ make verilator python3-venv
CONSTRAINTS := $(shell $(PYTHON) -c 'import sys; print("constraints/py%d%d.txt" % sys.version_info[:2])')
EXTRAS ?= qkeras,onnx,rtl,explore,test
HGQ ?= .venv-hgq
QKERAS3 ?= .venv-qkeras3
DOCS ?= .venv-docs
WORKERS ?= 2

# fixed_point first: what the others of the LeNet-5 table are beside
LENET5 := fixed_point config conlocnn deepchip encodingnet tabconv

# lenet5_sweep takes finished builds, hgq_tables an environment of its own; both are run by hand
FAST := $(wildcard tests/test_[eiapn]*.py) tests/lowered tests/hardware tests/reports tests/tools/test_doctor.py tests/data tests/backend/onnx

BENCHMARKS := $(filter-out __init__ lanes lenet5_sweep hgq_tables,$(basename $(notdir $(wildcard tests/benchmarks/*.py))))

.PHONY: help setup tools browser demo lenet5 test test-all test-fast test-hgq test-qkeras3 lint types docs figures notebooks benchmarks wheel clean

help:
	@echo "make demo        train, convert, simulate, synthesise and compare the digits network (demo/)"
	@echo "make lenet5      all methods on MNIST's LeNet-5, the whole test set, one table (hours; needs DIETCNN_DATA or the network)"
	@echo "make test        the tests: of suites of many cases an evenly spread part"
	@echo "make test-all    all cases of all tests, the long ones too"
	@echo "make test-fast   what needs no TensorFlow, in minutes: for further Pythons (PYTHON=python3.13 VENV=.venv-3.13 EXTRAS=onnx,rtl,test)"
	@echo "make test-hgq    HGQ2's models, in an environment of their own (.venv-hgq)"
	@echo "make test-qkeras3  qkeras-v3's models, likewise (.venv-qkeras3)"
	@echo "make lint types  ruff, mypy"
	@echo "make docs        the documents as a site, links checked: site/index.html (an environment of their own, .venv-docs)"
	@echo "make notebooks   run docs/notebooks on digits and keep what they print"
	@echo "make benchmarks  measured, not asserted: speed and cost figures (needs DIETCNN_DATA for MNIST)"
	@echo "make wheel       build dist/*.whl"

setup: tools $(STAMP)

# g++ compiles the C-simulation, Verilator the RTL simulation; as root they are installed, otherwise named.
tools:
	@missing=""; command -v g++ >/dev/null || missing="$$missing g++"; \
	command -v verilator >/dev/null || missing="$$missing verilator"; \
	test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM_PACKAGES) >/dev/null; \
	  else echo "missing:$$missing; install with: sudo apt-get install $(SYSTEM_PACKAGES)" >&2; exit 1; fi; fi

# What the test of the page opens it in; without it that test is skipped, unless DIETCNN_REQUIRE_TOOLS=1.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	|| { echo "missing: chromium; install with: sudo apt-get install chromium" >&2; exit 1; }

$(STAMP): setup.cfg pyproject.toml $(wildcard constraints/*.txt)
	@test -n "$(CONSTRAINTS)" || { echo "$(PYTHON) does not start; name a Python: make PYTHON=python3.12" >&2; exit 1; }
	@test -e "$(CONSTRAINTS)" || { echo "$$($(PYTHON) --version) has no tested versions; choose one that has: make PYTHON=python$(patsubst constraints/py3%.txt,3.%,$(lastword $(sort $(wildcard constraints/py3*.txt)))) (of $(sort $(wildcard constraints/py3*.txt)))" >&2; exit 1; }
	@echo "$$($(PYTHON) --version), versions of $(CONSTRAINTS), extras $(EXTRAS): into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) -e '.[$(EXTRAS)]'
	touch $@

demo: setup
	@echo "1/3 train, convert, simulate and synthesise a LeNet of look-up tables (a minute or two)"
	@$(BIN)/dietcnn-hls -q build projects/digits_lenet/config.yml --output demo/lut
	@echo "2/3 the same network with multipliers"
	@$(BIN)/dietcnn-hls -q build projects/digits_lenet/fixed_point.yml --output demo/fixed_point
	@echo "3/3 compare"
	@$(BIN)/dietcnn-hls -q compare demo/lut demo/fixed_point --format short --output demo/comparison
	@echo "The page of the comparison: file://$(CURDIR)/demo/comparison/comparison.html"

lenet5: setup
	for design in $(LENET5); do \
	  $(BIN)/dietcnn-hls build projects/mnist_lenet5/$$design.yml --set checks.rtl_samples=null --set hardware.clock_period=20 || exit 1; done
	$(BIN)/dietcnn-hls compare $(patsubst %,work/lenet5_%,$(subst config,8x4,$(LENET5))) --format short

test: setup
	$(BIN)/python -m pytest -q --instafail -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests

test-all:
	DIETCNN_EXHAUSTIVE=1 $(MAKE) test

# Without TensorFlow only what needs none: the contract, its spellings, the tools, QONNX.
test-fast: setup
	$(BIN)/python -m pytest -q --instafail -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(FAST)

test-hgq:
	$(MAKE) tools $(HGQ)/.installed VENV=$(HGQ) EXTRAS=hgq,test CONSTRAINTS=constraints/hgq.txt
	$(HGQ)/bin/python -m pytest -q --instafail tests/hgq

test-qkeras3:
	$(MAKE) tools $(QKERAS3)/.installed VENV=$(QKERAS3) EXTRAS=qkeras3,test CONSTRAINTS=constraints/qkeras3.txt
	$(QKERAS3)/bin/python -m pytest -q --instafail tests/qkeras3

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy dietcnn_hls

docs:
	@$(MAKE) --no-print-directory $(DOCS)/.installed VENV=$(DOCS) EXTRAS=docs
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict
	@echo "file://$(CURDIR)/site/index.html; with search: $(DOCS)/bin/mkdocs serve"

# What docs/methods/pictures.md shows, drawn from the package's own numbers.
figures: setup
	$(BIN)/python docs/site/figures.py

# Minutes each; a cell that fails ends with its error, results that changed show in git.
notebooks: setup
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) -e '.[$(EXTRAS),notebooks]'
	$(BIN)/python docs/site/notebooks.py

benchmarks: setup
	for name in $(BENCHMARKS); do $(BIN)/python -m tests.benchmarks.$$name || exit 1; done

wheel: setup
	$(BIN)/python -m build --wheel

clean:
	rm -rf demo site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
