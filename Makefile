# Set-up, demo, tests and checks. `make demo` and `make test` do everything from a fresh Debian 12 machine on.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SYSTEM_PACKAGES := g++ make verilator
WORKERS ?= 2

# fixed_point first: what the others of the LeNet-5 table are beside
LENET5 := fixed_point config conlocnn deepchip encodingnet tabconv

# lenet5_sweep takes finished builds and is run by hand
BENCHMARKS := $(filter-out __init__ lanes lenet5_sweep,$(basename $(notdir $(wildcard tests/benchmarks/*.py))))

.PHONY: help setup tools demo lenet5 test lint types benchmarks wheel clean

help:
	@echo "make demo        train, convert, simulate, synthesise and compare the digits network (demo/)"
	@echo "make lenet5      all methods on MNIST's LeNet-5, the whole test set, one table (hours; needs DIETCNN_DATA or the network)"
	@echo "make test        all tests"
	@echo "make lint types  ruff, mypy"
	@echo "make benchmarks  measured, not asserted: speed and cost figures (needs DIETCNN_DATA for MNIST)"
	@echo "make wheel       build dist/*.whl"

setup: tools $(STAMP)

# g++ compiles the C-simulation, Verilator the RTL simulation; as root they are installed, otherwise named.
tools:
	@missing=""; command -v g++ >/dev/null || missing="$$missing g++"; \
	command -v verilator >/dev/null || missing="$$missing verilator"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM_PACKAGES) >/dev/null; \
	  else echo "missing:$$missing; install with: sudo apt-get install $(SYSTEM_PACKAGES)" >&2; exit 1; fi; fi

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed (TensorFlow 2.14 has no newer wheel): make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[qkeras,rtl,test]'
	touch $@

demo: setup
	$(BIN)/dietcnn-hls build projects/digits_lenet/config.yml --output demo/lut
	$(BIN)/dietcnn-hls build projects/digits_lenet/fixed_point.yml --output demo/fixed_point
	$(BIN)/dietcnn-hls compare demo/lut demo/fixed_point --output demo/comparison

lenet5: setup
	for design in $(LENET5); do \
	  $(BIN)/dietcnn-hls build projects/mnist_lenet5/$$design.yml --set checks.rtl_samples=null || exit 1; done
	$(BIN)/dietcnn-hls compare $(patsubst %,work/lenet5_%,$(subst config,8x4,$(LENET5))) --format short

test: setup
	$(BIN)/python -m pytest -q --instafail -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy dietcnn_hls

benchmarks: setup
	for name in $(BENCHMARKS); do $(BIN)/python -m tests.benchmarks.$$name || exit 1; done

wheel: setup
	$(BIN)/python -m build --wheel

clean:
	rm -rf demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
