# The verbs of this project. `make` alone lists them.
PY := .venv/bin/python
# Recordings of real equipment, which tests read in place; without them those tests say so and are skipped.
ifndef PORTSEAL_FIXTURES
PORTSEAL_FIXTURES := $(abspath $(wildcard ../shared/fixtures))
endif
export PORTSEAL_FIXTURES

.PHONY: help setup run test unit terminals lint fmt docs texts bench faults lab-down clean

help:  ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready  ## make .venv and install what is missing
	@scripts/system.sh lab

.venv/.ready: pyproject.toml uv.lock packaging/hatch_build.py scripts/venv.sh
	@scripts/venv.sh
	@touch $@

policies/texts/zh/LC_MESSAGES/portseal.mo: policies/texts/zh/LC_MESSAGES/portseal.po .venv/.ready
	@$(PY) scripts/texts.py compile

run: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## show the main job on the virtual site (KEEP=1 leaves it up)
	@.venv/bin/portseal lab run $(if $(KEEP),--keep) $(if $(SITE),--site $(SITE))

test: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## run all tests, the lab's real frames included
	@scripts/system.sh test
	@scripts/test.sh

unit: .venv/.ready policies/texts/zh/LC_MESSAGES/portseal.mo  ## run the quick tests only
	@$(PY) -m pytest tests/unit -q

terminals: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## run the tests on virtual terminals only
	@scripts/system.sh test
	@$(PY) -m pytest tests/lab -q -p no:randomly -m usb -n 2 --dist worksteal

installed: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## boot an installed terminal and try its seal (slow)
	@scripts/system.sh test
	@$(PY) -m pytest tests/lab -q -p no:randomly -m installed

lint: .venv/.ready policies/texts/zh/LC_MESSAGES/portseal.mo  ## format check, lint, types, texts, generated docs
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/pyright
	@$(PY) scripts/texts.py check
	@$(PY) scripts/docs.py check

fmt: .venv/.ready  ## format the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

texts: .venv/.ready  ## merge new texts into the Chinese catalogue
	@$(PY) scripts/texts.py update

docs: .venv/.ready policies/texts/zh/LC_MESSAGES/portseal.mo  ## write the generated parts of docs/
	@$(PY) scripts/docs.py write

bench: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## measure, side by side with a peer
	@$(PY) -m bench

faults: setup policies/texts/zh/LC_MESSAGES/portseal.mo  ## strike every read and write of the flow on every dialect (nightly)
	@$(PY) -m bench faults

lab-down: .venv/.ready  ## remove the virtual site, also after a crash
	@.venv/bin/portseal lab down

clean: lab-down  ## remove what the verbs made
	@rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
