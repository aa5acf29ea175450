# `make compare` and `make test` do all their set-up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_RELEASE := $(VENV)/.ready-release
LIGHT := .venv-light
# In CI the tests are traced, which takes time; `make test CI=1` does the same here.
COVERAGE := $(if $(CI),--cov --cov-report=)

.PHONY: compare compare-light test test-long lint mutation dist wheel-test lock regressions clean

compare: $(READY)
	$(BIN)/hessbench run smoke
	$(BIN)/hessbench report results --out report.html --figures figures

# The same table without JAX and torch, in an environment of its own: a quick look.
compare-light: $(LIGHT)/.ready
	$(LIGHT)/bin/hessbench compare three-body --set start=perturbed

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(COVERAGE)

# All laws of all problems, all outcomes, more examples of what is drawn at random: an hour and more.
test-long: $(READY)
	HESSBENCH_SLOW=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The site; any warning is an error. Its own packages come on top of the others. An example that has not changed is not run
# again: `make clean-docs docs` runs all.
.PHONY: docs docs-commands clean-docs
docs: $(VENV)/.ready-docs
	$(BIN)/python -m sphinx -E -W --keep-going -q -d build/doctrees docs build/docs
	@echo build/docs/index.html

$(VENV)/.ready-docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]' -c constraints.txt
	touch $@

# The commands of README and docs that take longer than a test may; two CPU minutes.
docs-commands: $(READY)
	DOCS_LONG=1 $(BIN)/python -m pytest tests/docs/test_commands.py tests/docs/test_numbers.py -n 2

clean: clean-docs
clean-docs:
	rm -rf build/docs build/doctrees docs/gallery docs/generated docs/sg_execution_times.rst

# Hours for all files; `make mutation FILES=src/hessbench/_gate.py` takes some minutes. docs/testing.md has the results.
mutation: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutation]' -c constraints.txt
	$(BIN)/python .ci/mutation.py $(FILES)

# Is this commit slower than AGAINST? Both are measured here, in environments that asv makes of each.
regressions: $(READY)
	$(BIN)/asv machine --yes
	$(BIN)/asv continuous --factor 1.2 --bench '^smoke' $(AGAINST) HEAD

# constraints.txt with hashes, behind the words at the top of requirements.lock.
lock: $(READY_RELEASE)
	$(BIN)/uv pip compile constraints.txt --no-deps --generate-hashes --no-emit-package torch \
		--python $(BIN)/python --no-header --no-annotate --quiet -o build/hashes > build/said
	grep '^#' requirements.lock | cat - build/hashes > build/lock && mv build/lock requirements.lock

$(READY_RELEASE): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[release]' -c constraints.txt
	mkdir -p build && touch $@

# Wheel and source archive in dist/, and whether an index would take them.
dist: $(READY_RELEASE)
	rm -rf dist
	$(BIN)/python -m build --quiet --no-isolation
	$(BIN)/python -m twine check --strict dist/*

# The wheel in empty environments, tried as a user would; `make wheel-test EXTRAS=minimal` takes one of minimal, jax, all.
wheel-test: dist
	.ci/try_wheel.sh $(EXTRAS)

$(LIGHT)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[autograd,casadi]' -c constraints.txt
	touch $@

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,test]' -c constraints.txt
	touch $(READY)

clean:
	rm -rf $(VENV) $(LIGHT) dist build .asv .coverage report.html
