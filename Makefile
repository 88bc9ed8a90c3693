# Two commands do all on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Twice the cores of a small machine: tests wait for disks, locks and servers.
WORKERS ?= 4

.PHONY: demo test check fix bench prove docs clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,lint]'
	touch $@

# Without a terminal nobody can answer: consent is then given by flag, as the transcript says.
demo: $(STAMP)
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/oneplan demo --dir demo; else $(BIN)/oneplan demo --dir demo --yes; fi

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# The read-only twin of `fix`.
check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python benchmarks/backfill.py
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/usages.py
	$(BIN)/python benchmarks/board.py
	$(BIN)/python benchmarks/gaps.py
	$(BIN)/python benchmarks/planning.py

# The whole of the crash matrix, of faults, of the attacks on the gate: writes docs/reliability.md (`test` tries samples).
prove: $(STAMP)
	ONEPLAN_PROVE=1 ONEPLAN_EXAMPLES=200 ONEPLAN_FUZZ=1000 $(BIN)/python -m pytest --timeout 3600 -n $(WORKERS) --dist worksteal \
		tests/plan/test_hammer.py tests/plan/test_properties.py tests/schema/test_fuzz.py tests/migrate/test_plans.py
	$(BIN)/python -m tests.prove

docs: $(STAMP)
	$(BIN)/python docs/make_cli.py

clean:
	rm -rf $(VENV) build dist demo *.egg-info
