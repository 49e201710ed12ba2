# `make demo` on a fresh machine sets everything up and runs the main job. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help setup demo test run check bench chaos docs dist lock generated clean

# Workers are started by the hundred: without cached bytecode each start would take 2 s instead of 0.5.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BENCH_VENV := .bench-venv
BIN := $(VENV)/bin
ARGS ?=

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(VENV)/.ready  ## the virtual environment only

$(VENV)/.ready: requirements/dev.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV) requirements/dev.txt
	@touch $(VENV)/.runs $@

# What running needs, without the tools of development: a third of the time on a fresh machine.
$(VENV)/.runs: requirements/gateway.txt requirements/build.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV) requirements/gateway.txt requirements/build.txt
	@touch $@

$(BENCH_VENV)/.ready: requirements/bench.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(BENCH_VENV) requirements/bench.txt
	@touch $@

demo: $(VENV)/.runs  ## the main job once, end to end, against the simulators
	@$(BIN)/broker-server demo $(ARGS)

# Much of a test's time is waiting, so four modules run at once, each process with a virtual host of its own, the
# longest first (tests/conftest.py); one broker that is given by TEST_BROKER_URL is used by one test at a time.
test: setup  ## all tests, a RabbitMQ node included
	@$(BIN)/python -m pytest $(if $(TEST_BROKER_URL),,-n 4 --dist loadfile --no-loadscope-reorder) $(ARGS)

run: $(VENV)/.runs  ## the whole system on the simulators until Ctrl-C, with a page of prices
	@$(BIN)/broker-server run --simulate --gateway $(ARGS)

check: setup  ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 broker_server/vendors/kiwoom/openapi_plus

bench: $(BENCH_VENV)/.ready  ## benchmarks with a table of ratios, and docs/benchmarks.md of them
	@$(BENCH_VENV)/bin/python -m bench.run $(or $(ARGS),--write docs/benchmarks.md)

chaos: setup  ## the long fault tests, and every test of orders on PostgreSQL
	@$(BIN)/python -m pytest -m 'chaos or thorough' $(ARGS)

docs: setup  ## the documentation as a site in build/docs
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html -c docs -d build/doctrees . build/docs
	@echo "build/docs/index.html"

dist: setup  ## wheel and source archive in dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist .

lock: setup  ## pin the dependencies again
	@$(BIN)/python -m pip install --quiet uv
	@scripts/lock.sh

generated: setup  ## write again what is made from the code
	@$(BIN)/python -m scripts.write_generated

clean:  ## remove what was built, the virtual environments included
	@rm -rf $(VENV) $(BENCH_VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
