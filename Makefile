# Everything that is done to this project has a target here. `make` lists them.
#
# A machine needs Python 3.12 or newer, git and make: whatever else a target needs is installed into .venv the first time, and again when its requirements change.

MAKEFLAGS += --warn-undefined-variables
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

export UV_PYTHON_DOWNLOADS := never
# A machine may forbid Python to keep what it compiled; each of the many processes of a test run would compile it all again.
unexport PYTHONDONTWRITEBYTECODE

# A container image or tox brings an environment of its own, everything installed: make quality USE_PYTHON=/path/to/its/python
USE_PYTHON ?=
ifeq ($(USE_PYTHON),)
PY := .venv/bin/python
needs = .venv/installed-$(1)
else
PY := $(USE_PYTHON)
needs =
endif
BIN := $(dir $(PY))

SOURCES := edx_exams sandbox tests benchmarks docs tutor-contrib-edx-exams setup.py manage.py
MANAGE := $(PY) manage.py
NOT_TRANSLATED := .venv build docs sandbox tests var
# make test PYTEST_ARGS="-k allowance -x"
PYTEST_ARGS ?=
# make benchmark BENCHMARK_ARGS="--rounds 1 --only latest"
BENCHMARK_ARGS ?=
UPGRADE ?= --upgrade
# Compiled in this order, for each builds on those before it.
REQUIREMENTS := bootstrap base sandbox test quality doc services production tutor translations

##@ Use it
.PHONY: help run migrate shell static

help: ## list the targets (default)
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z0-9_.%-]+:.*## / { printf "  %-36s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(call needs,sandbox) ## start the service and a sandbox to try it in: LMS and proctoring tool; Ctrl-C ends all
	@$(PY) -m sandbox.run

migrate: $(call needs,base) ## bring the database up to date
	@$(MANAGE) migrate

shell: $(call needs,base) ## a Python shell with the models at hand
	@$(MANAGE) shell

static: $(call needs,base) ## gather the static files that a web server serves
	@$(MANAGE) collectstatic --noinput

##@ Check it
.PHONY: test coverage test-services test-faults services.up services.down test-e2e test-docs test-mfe test-tutor benchmark quality lint types imports migrations_check pii_check check_keywords docs graphviz selfcheck validate

FAST_TESTS := tests --ignore=tests/services --ignore=tests/e2e --ignore=tests/mfe --ignore=tests/tutor --ignore=tests/deployment --ignore=tests/docs -n auto --maxprocesses=4

test: $(call needs,test) ## the tests that need no other service, of each table two rows: within a minute
	@$(PY) -m pytest $(FAST_TESTS) --sample 2 $(PYTEST_ARGS)

coverage: $(call needs,test) ## all of them, every row, and which branches no test takes: below 90 % it fails; htmlcov/index.html shows them
	@$(PY) -m pytest $(FAST_TESTS) --cov --cov-report=term:skip-covered --cov-report=html $(PYTEST_ARGS)
	@echo "Open htmlcov/index.html"

test-services: $(call needs,services) ## tests against a real database server, which they start and end themselves
	@$(PY) -m pytest tests/services $(PYTEST_ARGS)

# In full, which takes hours: EXAMS_TEST_FAULT_SECONDS=60 EXAMS_TEST_FAULT_KILLS=20 EXAMS_TEST_FAULT_RUNS=3
test-faults: $(call needs,services) ## everything that can break does, under load, and no event is lost: prints a table
	@$(PY) -m pytest tests/services/test_faults.py $(PYTEST_ARGS)

services.up: $(call needs,services) ## MariaDB, Kafka and a schema registry on this machine, under var/
	@$(PY) -m tests.services up

services.down: $(call needs,services) ## end them; what is in them stays
	@$(PY) -m tests.services down

# The releases of Tutor that the plugin supports, each in an environment of its own: their requirements exclude each other.
TUTORS := 21 22

test-tutor: $(call needs,tutor) $(TUTORS:%=var/tutor/%/installed) ## the Tutor plugin with each Tutor that it supports, container files, wheels
	@$(PY) -m pytest tests/tutor tests/deployment $(PYTEST_ARGS)

test-e2e: $(call needs,services) ## tests in a real browser: the sandbox, as a learner and as course staff
	@$(PY) -m pytest tests/e2e $(PYTEST_ARGS)

test-docs: docs $(call needs,services) ## the how-tos of operators, command by command on real servers; the built pages in a real browser
	@$(PY) -m pytest tests/docs -n 2 --dist loadfile $(PYTEST_ARGS)

# Real minutes pass, so several learners sit their exams at once, each with a sandbox of their own.
test-mfe: $(call needs,services) var/mfe/app.js ## the learning MFE's own exam pages in a real browser (needs Node.js 18 or newer, npm)
	@$(PY) -m pytest tests/mfe -n 4 --dist worksteal $(PYTEST_ARGS)

var/mfe/app.js: tests/mfe/node_modules/.package-lock.json tests/mfe/build.mjs $(wildcard tests/mfe/host/*)
	@node tests/mfe/build.mjs

tests/mfe/node_modules/.package-lock.json: tests/mfe/package.json tests/mfe/package-lock.json tests/mfe/.npmrc
	@command -v npm >/dev/null || { echo "Node.js with npm is needed: make system_packages (Debian)." >&2; exit 1; }
	@echo "Installing tests/mfe/package-lock.json"
	@cd tests/mfe && npm ci --loglevel=error && touch node_modules/.package-lock.json

benchmark: $(call needs,services) ## requests a second of each endpoint, as a ratio to the least that Django costs
	@$(PY) -m benchmarks.throughput --csv docs/performance/throughput.csv $(BENCHMARK_ARGS)

quality: lint types imports migrations_check pii_check ## style, types, layers, migrations, privacy annotations

lint: $(call needs,quality) ## style and formatting (ruff)
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m ruff format --check $(SOURCES)

types: $(call needs,quality) ## types (mypy, strict)
	@$(PY) -m mypy

imports: $(call needs,quality) ## who may import whom (.importlinter)
	@$(BIN)lint-imports

migrations_check: $(call needs,quality) ## no model has changed without its migration
	@$(MANAGE) makemigrations --check --dry-run --settings edx_exams.settings.test

pii_check: $(call needs,quality) ## every model says which personal data it holds and how it is retired
	@DJANGO_SETTINGS_MODULE=edx_exams.settings.test $(BIN)code_annotations django_find_annotations \
		--config_file .pii_annotations.yml --lint --coverage

check_keywords: $(call needs,production) ## no column is named like a word that MySQL or the data warehouse reserves
	@mkdir -p var/keywords && echo '{}' >var/keywords/settings.yml
	@EDX_EXAMS_CFG=var/keywords/settings.yml $(MANAGE) check_reserved_keywords --skip-checks --settings edx_exams.settings.production \
		--override_file db_keyword_overrides.yml --report_path var/keywords

docs: graphviz $(call needs,doc) ## the documentation, in docs/_build/html; a warning is an error
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

graphviz:
	@command -v dot >/dev/null || { echo "Graphviz draws the documentation's pictures: make system_packages (Debian), brew install graphviz (macOS)." >&2; exit 1; }

selfcheck: ## this Makefile is well-formed, and the requirements agree with each other
	@for target in $$(awk -F: '/^[a-zA-Z0-9_.-]+:.*## / && $$1 != "selfcheck" { print $$1 }' Makefile); do \
		$(MAKE) --no-print-directory --dry-run "$$target" >/dev/null || exit 1; \
	done
	@awk -F '==| ' '/^[a-zA-Z0-9]/ { if (($$1 in pin) && pin[$$1] != $$2) { print $$1 ": " pin[$$1] " and " $$2 " (" FILENAME ")"; bad = 1 } pin[$$1] = $$2 } \
		END { exit bad }' requirements/*.txt || { echo "Each package has one version in all of requirements/: make upgrade." >&2; exit 1; }
	@echo "The Makefile is well-formed; no package is pinned to two versions."

validate: coverage quality docs ## everything that must hold before a change is merged

##@ Install and upgrade
.PHONY: requirements test_requirements ci_requirements doc_requirements production-requirements system_packages mysql_library upgrade clean

requirements: $(call needs,quality) $(call needs,doc) ## all that a developer needs

test_requirements: $(call needs,test) ## what the tests need

ci_requirements: $(call needs,quality) $(call needs,doc) ## what the checks before a merge need

doc_requirements: $(call needs,doc) ## what the documentation needs

production-requirements: $(call needs,production) ## what a deployment runs with

system_packages: ## Debian packages for docs, the tests with servers or a browser, benchmark, production-requirements and translations (as root)
	@scripts/system-packages

# make upgrade UPGRADE=            compiles only what the .in files changed
# make upgrade UPGRADE="--upgrade-package django"
upgrade: .venv/ready ## compile requirements/*.in anew, everything at its newest version, with hashes
	@for name in $(REQUIREMENTS); do \
		echo "requirements/$$name.txt"; \
		.venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.12 --no-emit-index-url --no-header $(UPGRADE) \
			--output-file "requirements/$$name.txt" "requirements/$$name.in" || exit 1; \
	done
	@for tutor in $(TUTORS); do \
		echo "tests/tutor/tutor-$$tutor.txt"; \
		.venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.12 --no-emit-index-url --no-header $(UPGRADE) \
			--output-file "tests/tutor/tutor-$$tutor.txt" "tests/tutor/tutor-$$tutor.in" || exit 1; \
	done

clean: ## remove what was built; .venv and var/ (your databases) stay
	@rm -rf build dist docs/_build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis edx_exams.egg-info
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Containers, beside Open edX's devstack
.PHONY: dev.up dev.stop dev.down dev.provision app-shell db-shell

COMPOSE := docker compose

dev.provision: ## once: containers, database, superuser, and what the LMS must know
	@./provision-edx-exams.sh

dev.up: ## start the containers; with an event bus too: make dev.up COMPOSE="docker compose --profile kafka"
	@$(COMPOSE) up --detach

dev.stop: ## stop them; they stay as they are
	@$(COMPOSE) stop

dev.down: ## remove them; the database's volume stays
	@$(COMPOSE) down

app-shell: ## a shell in the service's container
	@docker exec -it edx_exams.app bash

db-shell: ## MySQL's shell on the service's database
	@docker exec -it edx_exams.db mysql -uroot edx_exams

%-logs: ## follow the log of one: app-logs, relay-logs, sweep-logs, consumer-logs, db-logs
	@$(COMPOSE) logs --follow --tail 500 $*

%-restart: ## restart one: app-restart, relay-restart
	@$(COMPOSE) restart $*

%-attach: ## attach to one's terminal, for a debugger: app-attach (Ctrl-P Ctrl-Q leaves)
	@docker attach edx_exams.$*

##@ Translate
.PHONY: gettext extract_translations pull_translations dummy_translations compile_translations validate_translations

# Further arguments of atlas: make pull_translations OPENEDX_ATLAS_ARGS="--filter=ar,fr --revision=release/verawood"
OPENEDX_ATLAS_ARGS ?=

extract_translations: gettext $(call needs,base) ## collect the texts to translate in edx_exams/conf/locale/en
	@mkdir -p edx_exams/conf/locale
	@$(MANAGE) makemessages --locale en --add-location file --verbosity 0 $(NOT_TRANSLATED:%=--ignore %)

pull_translations: gettext $(call needs,translations) ## get what translators wrote (OEP-58), and compile it
	@$(BIN)atlas pull $(OPENEDX_ATLAS_ARGS) translations/edx-exams/edx_exams/conf/locale:edx_exams/conf/locale
	@$(MAKE) --no-print-directory compile_translations

dummy_translations: extract_translations $(call needs,translations) ## translations to test with: accented (eo), and from right to left (rtl)
	@cd edx_exams && $(abspath $(BIN))/i18n_tool dummy
	@$(MAKE) --no-print-directory compile_translations

compile_translations: gettext $(call needs,base) ## turn translations (.po) into what the service reads (.mo)
	@$(MANAGE) compilemessages --verbosity 0 $(NOT_TRANSLATED:%=--ignore %)

validate_translations: gettext ## each translation is well-formed and keeps its placeholders
	@for file in edx_exams/conf/locale/*/LC_MESSAGES/*.po; do msgfmt --check-format --output-file=/dev/null "$$file" || exit 1; done

gettext:
	@command -v xgettext >/dev/null || { echo "GNU gettext is needed: make system_packages (Debian), brew install gettext (macOS)." >&2; exit 1; }

# ---- How things get into .venv ----
# Each set of requirements leaves a stamp there, so that a second call costs nothing. Sets are added to what is there, never taken away: they
# agree with each other (selfcheck), and `rm -rf .venv` is the way to be rid of what is no longer required.
STAMPS := $(REQUIREMENTS:%=.venv/installed-%)

$(STAMPS): .venv/installed-%: requirements/%.txt .venv/ready
	@echo "Installing requirements/$*.txt"
	@.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes --requirement requirements/$*.txt || \
		{ echo "requirements/$*.txt could not be installed (see above)." >&2; exit 1; }
	@touch $@

var/tutor/%/installed: tests/tutor/tutor-%.txt .venv/ready
	@echo "Installing Tutor $*"
	@.venv/bin/uv venv --quiet --clear --python .venv/bin/python var/tutor/$*
	@.venv/bin/uv pip install --quiet --python var/tutor/$*/bin/python --require-hashes --requirement tests/tutor/tutor-$*.txt
	@touch $@

.venv/installed-services .venv/installed-production .venv/installed-tutor: | mysql_library

# mysqlclient has no wheel: it is compiled against the database's client library.
mysql_library: .venv/ready
	@.venv/bin/python -c "import MySQLdb" 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null || pkg-config --exists libmariadb 2>/dev/null || { \
		echo "mysqlclient is compiled here and needs a C compiler, pkg-config and the client library of MySQL or MariaDB: make system_packages (Debian)." >&2; exit 1; }

# Runs always, but is only newer than the stamps if .venv was made anew.
.venv/ready: FORCE
	@scripts/bootstrap

.PHONY: FORCE
FORCE:
