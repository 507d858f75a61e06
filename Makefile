# Everything that can be done with a checkout. Needs python3 (3.11 or newer) with pip, and make.
PYTHON ?= python3
VENV := .venv
# Of `make fuzz`: how many wrong inputs each reader is given.
COUNT ?= 1000000
# Of `make soak` and `make soak-broker`: for how long random faults are tried, and the seed of an earlier run.
SECONDS ?= 600
SEED ?=
# Of `make test`: which tests.
TESTS ?= tests
BIN := $(VENV)/bin

.PHONY: install demo test test-oldest check bench simulate fuzz soak soak-broker schemas commands docs pictures format clean

# Compiled here: where PYTHONDONTWRITEBYTECODE is set, every command would compile what it imports anew, which takes it half its time.
install: $(VENV)/.installed
	@$(BIN)/python -m compileall -q broker client keys schemas worker src/jobwire/__init__.py
	@mkdir -p $(VENV)/share/man/man1 && cp docs/man/*.1 $(VENV)/share/man/man1  # an editable installation leaves them out

demo: install
	@examples/demo.sh

test: $(VENV)/.installed-dev install
	$(BIN)/pytest -q -m "not soak" $(TESTS)

# With the oldest versions of libraries that pyproject.toml permits.
test-oldest:
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -c "import tomllib; print(*(one.replace('>=', '==') for one in tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']), sep='\n')" > $(VENV)-oldest/oldest.txt
	$(VENV)-oldest/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(VENV)-oldest/bin/pip install --quiet --disable-pip-version-check --requirement $(VENV)-oldest/oldest.txt
	$(VENV)-oldest/bin/python -m pytest -q -m "not soak" tests/unit

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python schemas/generate.py --check
	$(BIN)/python -m jobwire.client.cli.reference.generate --check
	$(BIN)/buf lint schemas/proto

# Some rows are compared with ssh, task-spooler and HyperQueue. Without them, these are not measured; the first two are installed as root.
bench: $(VENV)/.installed-dev install
	@command -v rsync >/dev/null && command -v tsp >/dev/null && test -x /usr/sbin/sshd || test "$$(id -u)" != 0 || RUNLEVEL=1 apt-get install -y -q --no-install-recommends openssh-server rsync task-spooler || true
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]' || true
	$(BIN)/python tests/benchmarks/run.py

# How much a broker keeps up with, with simulated workers; OPTIONS as tests/simulation/run.py has them.
simulate: $(VENV)/.installed-dev
	$(BIN)/python tests/simulation/run.py $(OPTIONS)

soak: $(VENV)/.installed-dev
	$(BIN)/pytest -q -m soak --timeout 900
	$(BIN)/python tests/system/faults/soak.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# As root, each daemon has a network namespace of its own.
soak-broker: $(VENV)/.installed-dev
	$(BIN)/python tests/system/faults/fleet/soak.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.installed-dev
	for target in frames batch_files conversions rosters identities; do nice $(BIN)/python tests/fuzz/fuzz.py $$target --count $(COUNT) || exit 1; done

schemas: $(VENV)/.installed-dev
	$(BIN)/python schemas/generate.py

# What is made of the definitions of the commands: the table that completion reads, and the man pages.
commands: $(VENV)/.installed-dev
	$(BIN)/python -m jobwire.client.cli.reference.generate

# A warning is an error. The variable silences advice about a successor of the tool.
docs: $(VENV)/.installed-docs pictures
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pictures: $(VENV)/.installed-docs
	for name in parts life subscriber; do $(BIN)/d2 --layout elk --theme 0 --pad 20 docs/pictures/$$name.d2 docs/pictures/$$name.svg; done

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-oldest build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "jobwire needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(VENV)/.installed
