# Python 3.11+, pip and make are enough: everything is installed into .venv here.
PYTHON ?= python3
BIN = .venv/bin
OUT ?= demo
WORKERS ?= 2
RUNS ?= runs/demo

.PHONY: install demo test check fix peers validate chaos train-demo

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[training,test]"
	touch $@

demo: install            ## the main job on loopback: a phantom goes in, SR and overlays come back
	$(BIN)/ich-node demo --out $(OUT)

test: install            ## what CI runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -m alone

check: install           ## style, types, layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

validate: install        ## golden studies through every validator that is installed (make peers brings them)
	$(BIN)/python -m pytest tests/report/test_golden.py tests/report/test_validators.py

chaos: install           ## kill, fill, cut and refuse, seeded; nothing acknowledged may be lost
	$(BIN)/python tests/chaos.py --series 100 --seed 1

train-demo: install      ## phantoms: train, tune, evaluate, activate (under 15 minutes on 2 cores)
	for seed in 901 902 903 904 905 906 907 908 909 910; do $(BIN)/ich-node phantom --out $(RUNS)/studies/$$seed --seed $$seed || exit 1; done
	test -f $(RUNS)/studies.json || $(BIN)/ich-node train split $(RUNS)/studies --out $(RUNS)/studies.json
	$(BIN)/ich-node train pool --out $(RUNS)/pool --slices 3072 --seed 1
	$(BIN)/ich-node train pool --out $(RUNS)/validation --slices 512 --seed 2
	$(BIN)/ich-node train run $(RUNS)/pool --validation $(RUNS)/validation --epochs 2 --out $(RUNS)/model
	rm -f $(RUNS)/tuned.safetensors
	$(BIN)/ich-node tune $(RUNS)/studies --split $(RUNS)/studies.json --part train --bundle $(RUNS)/model/bundle.safetensors --cache $(RUNS)/maps --out $(RUNS)/tuned.safetensors
	$(BIN)/ich-node evaluate $(RUNS)/studies --split $(RUNS)/studies.json --bundle $(RUNS)/tuned.safetensors --out $(RUNS)/card
	ICHNODE__DATABASE__URL=sqlite:///$(RUNS)/ledger.db ICHNODE__SPOOL__PATH=$(RUNS)/spool $(BIN)/ich-node model activate $(RUNS)/tuned.safetensors --why train-demo

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

peers:                   ## Debian: the real peers that the tests use where they are present (needs root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y orthanc orthanc-dicomweb dcmtk dicom3tools pixelmed-apps postgresql openssl
