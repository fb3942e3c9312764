# Everything works in a fresh clone: the first target that needs the environment makes it, inside the clone.
#   make run      the main job: one year of flights, live         make test     all tests
#   make check    format, lint, types, floors, unit tests         make lock     renew requirements.lock
#   make schema   the JSON Schema of mlray.yaml                   make bench-<area>   measure, ours and the peers

VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin
# The tests that start no Ray and take no time, in four parts; each has a process of its own. What is covered is measured
# in the two that are about the core, since measuring takes half as long again.
UNIT := tests/unit
DATA := tests/unit/data
RIM := $(addprefix tests/unit/,cli console project)
LAWS := tests/laws mlray
QUICK := --quiet --no-header -m "not ray and not slow"
MEASURED := --cov --cov-report=
TWO := --no-print-directory --keep-going --output-sync=target -j2
.PHONY: run test check format-check lint types floors unit units data rim laws covered lock schema
.DELETE_ON_ERROR:

run: $(READY)
	$(RUN)/mlray run jobs/flights $(ARGS)

test: $(READY)
	$(RUN)/python -m pytest $(ARGS)

# Two at a time, the longest first; each part's output stays together.
check: $(READY)
	@$(MAKE) $(TWO) units laws data rim types lint format-check floors
	@$(MAKE) --no-print-directory covered

format-check: $(READY)
	$(RUN)/ruff format --check --quiet .

lint: $(READY)
	$(RUN)/ruff check --quiet .

types: $(READY)
	$(RUN)/mypy

floors: $(READY)
	$(RUN)/lint-imports --no-logo --no-cache

# The docstrings' examples, the unit tests and the laws; no Ray is started. What must be covered stands in pyproject.toml.
unit: $(READY)
	@$(MAKE) $(TWO) units laws data rim
	@$(MAKE) --no-print-directory covered

units: $(READY)
	COVERAGE_FILE=.coverage.units $(RUN)/python -m pytest $(QUICK) $(MEASURED) $(filter-out $(DATA) $(RIM) %/__pycache__,$(wildcard $(UNIT)/*))

data: $(READY)
	COVERAGE_FILE=.coverage.data $(RUN)/python -m pytest $(QUICK) $(MEASURED) $(DATA)

rim: $(READY)
	$(RUN)/python -m pytest $(QUICK) $(RIM)

laws: $(READY)
	$(RUN)/python -m pytest $(QUICK) $(LAWS)

covered: $(READY)
	$(RUN)/coverage combine --quiet .coverage.units .coverage.data
	$(RUN)/coverage report --skip-covered --show-missing --fail-under=100

schema: $(READY)
	$(RUN)/python -m mlray.spec

bench-%: $(READY)
	$(RUN)/python -m benchmarks.$* --write $(ARGS)

lock: $(READY)
	.ci/lock $(VENV)

# The stamp holds the clone's path: an environment that was moved or copied is made anew, since its scripts name the old one.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
$(READY): requirements.lock .ci/installer.lock pyproject.toml
	.ci/setup $(VENV)
