# Python 3.11+, pip and make are enough: everything is installed into .venv here.
PYTHON ?= python3
BIN = .venv/bin
OUT ?= demo
WORKERS ?= 2

.PHONY: install demo test check fix peers validate chaos

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[training,test]"
	touch $@

demo: install            ## the main job on loopback: a phantom goes in, SR and overlays come back
	$(BIN)/ich-node demo --out $(OUT)

test: install            ## what CI runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: install           ## style, types, layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

validate: install        ## golden studies through every validator that is installed (make peers brings them)
	$(BIN)/python -m pytest tests/report/test_golden.py tests/report/test_validators.py

chaos: install           ## kill, fill, cut and refuse, seeded; nothing acknowledged may be lost
	$(BIN)/python tests/chaos.py --series 100 --seed 1

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

peers:                   ## Debian: the real peers that the tests use where they are present (needs root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y orthanc orthanc-dicomweb dcmtk dicom3tools pixelmed-apps postgresql openssl
