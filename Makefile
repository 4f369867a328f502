# You need Python 3.11 or newer, pip and make. Everything is installed into .venv in this folder.
PYTHON ?= python3
BIN = .venv/bin
OUT ?= demo
WORKERS ?= 2
RUNS ?= runs/demo
OHIF ?= 3.13.2
LEDGER ?= sqlite
DIST ?= dist
# Where pip is told to look for packages, uv looks, too.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# If memory has enough room, the tests keep their spools and ledgers there: syncs to disk take a third of the time.
export PYTEST_DEBUG_TEMPROOT ?= $(shell test "$$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 2>/dev/null && echo /dev/shm)

.PHONY: $(shell grep -oE '^[a-z][a-z-]*:' Makefile | tr -d :)

help:                    ## this list
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

## Try it

install: .venv/installed ## into .venv, with all that tests, documents and releases need

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("ich-node needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[training,plots,test,openvino,docs,release]"
	touch $@

demo: install            ## the whole node on loopback: sends a phantom, receives its SR and overlays
	$(BIN)/ich-node demo --out $(OUT)

demo-web: install        ## the site on loopback with phantoms in it: prints its address; ctrl-C ends it
	$(BIN)/ich-node demo-web --out $(OUT)-web

## Before a commit

check: install           ## style, types, layers, import cycles, class names, no absolute time in a test; counts the documents' command blocks; collects every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.project.check_code
	$(BIN)/python -m tests.documents.count
	$(BIN)/python -m pytest --collect-only -qq >/dev/null || $(BIN)/python -m pytest --collect-only -q

test: install            ## all tests that CI runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not alone and not viewers and not extended and not wheel"
	$(BIN)/python -m pytest -m alone

fix: install             ## fixes style automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## Documents

docs: install            ## the documentation as a site that needs no Internet: build/docs/index.html opens from a file
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

links: install           ## asks every address of other sites that the documents link to (needs the Internet; no test does)
	$(BIN)/python -m tests.project.external_links

site-pictures: install   ## the pictures of docs/site.md: the site of demo-web, by Chromium (make peers installs it)
	$(BIN)/python -m tests.demo.pictures docs/images

## Proofs that take longer

extended: install        ## the cases that make test leaves out: further seeds, databases and series of proofs that take long
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m extended

upgrades: install        ## the programs of earlier versions, from the history: their data, the way back, hosts upgraded one after the other (15 minutes)
	$(BIN)/python -m pytest -m extended tests/upgrades

validate: install        ## checks golden studies with every validator that is installed (make peers installs them)
	$(BIN)/python -m pytest tests/report/test_golden.py tests/report/test_validators.py

viewers: install         ## shows the results in real viewers with a browser (make viewer-peers installs them); PICTURES=FOLDER keeps screenshots
	$(if $(PICTURES),ICH_NODE_PICTURES=$(PICTURES)) $(BIN)/python -m pytest -m viewers tests/viewers

fuzz: install            ## sends 10,000 damaged PDUs and data sets to the listener; CI sends 500
	ICH_NODE_FUZZ_CASES=5000 $(BIN)/python -m pytest tests/receive/test_fuzz.py -o timeout=7200

peaks: install           ## compares the detector with scikit-image's on 10,000 random maps and rules; CI uses 300
	ICH_NODE_PEAK_CASES=10000 $(BIN)/python -m pytest tests/detection/test_peaks.py -o timeout=7200

engines: install         ## reads all real series by all three bundles with torch and OpenVINO; CI reads each by one
	ICH_NODE_ALL_ENGINES=1 $(BIN)/python -m pytest tests/model/test_engines.py

attack-peers: install    ## runs the attacks of the tests against ich-node, storescp and Orthanc: the table of docs/reliability.md
	$(BIN)/python -m tests.load.attack_peers
	ICH_NODE_BURST=10000 $(BIN)/python -m pytest -rP tests/web/test_attacks.py

chaos: install           ## kills processes, fills the disk, cuts connections, moves the clock; nothing acknowledged may be lost (LEDGER=postgresql)
	$(BIN)/python -m tests.chaos --series 100 --seed 1 --ledger $(LEDGER)

soak: install            ## sends 2,000 small series; memory, descriptors, threads, ledger and spool must not grow
	rm -rf $(RUNS)/soak
	$(BIN)/python -m tests.load.soak --series 2000 --out $(RUNS)/soak
	$(BIN)/python -m tests.load.soak_picture $(RUNS)/soak/soak.csv docs/images/soak.png

scaling: install         ## several hosts on one PostgreSQL: each of 500 series is read once; measures the throughput of ledger and analysers
	$(BIN)/python -m tests.load.scaling hosts
	$(BIN)/python -m tests.load.scaling ledger
	$(BIN)/python -m tests.load.scaling readers --series 100

train-demo: install      ## trains, tunes, evaluates and activates a model with phantoms (less than 15 minutes on 2 cores)
	for seed in 901 902 903 904 905 906 907 908 909 910; do $(BIN)/ich-node phantom --out $(RUNS)/studies/$$seed --seed $$seed || exit 1; done
	test -f $(RUNS)/studies.json || $(BIN)/ich-node train split $(RUNS)/studies --out $(RUNS)/studies.json
	$(BIN)/ich-node train pool --out $(RUNS)/pool --slices 3072 --seed 1
	$(BIN)/ich-node train pool --out $(RUNS)/validation --slices 512 --seed 2
	$(BIN)/ich-node train run $(RUNS)/pool --validation $(RUNS)/validation --epochs 2 --out $(RUNS)/model
	rm -f $(RUNS)/tuned.safetensors
	$(BIN)/ich-node tune $(RUNS)/studies --split $(RUNS)/studies.json --part train --bundle $(RUNS)/model/bundle.safetensors --cache $(RUNS)/maps --out $(RUNS)/tuned.safetensors
	$(BIN)/ich-node evaluate $(RUNS)/studies --split $(RUNS)/studies.json --bundle $(RUNS)/tuned.safetensors --out $(RUNS)/card
	ICHNODE__DATABASE__URL=sqlite:///$(RUNS)/ledger.db ICHNODE__SPOOL__PATH=$(RUNS)/spool $(BIN)/ich-node model activate $(RUNS)/tuned.safetensors --why train-demo

## Benchmarks

bench: install           ## compares with other software in one run, on an idle machine (make peers installs the peers); tables in benchmarks/results
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	ICH_NODE_BENCH_THREADS=1 $(BIN)/python -m benchmarks.inference
	ICH_NODE_BENCH_THREADS=2 $(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.detector
	$(BIN)/python -m benchmarks.phantom
	$(BIN)/python -m benchmarks.decode
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.report
	$(BIN)/python -m benchmarks.receive
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.series_growth
	$(BIN)/python -m benchmarks.ledger_growth
	$(BIN)/python -m benchmarks.find
	$(BIN)/python -m benchmarks.site
	$(BIN)/python -m benchmarks.site_pictures

bench-bundle: install    ## the shipped bundle, and BUNDLES="FILE ..." beside it, on what no bundle was trained on; PICTURES=FOLDER draws all marks
	$(BIN)/python -m benchmarks.shipped_bundle --phantoms $(foreach bundle,$(BUNDLES),--bundle $(bundle)) $(if $(PICTURES),--pictures $(PICTURES))

bench-gpu: install       ## on a machine with a GPU: the network compared with its memory floor, and the rate of training
	$(BIN)/python -m benchmarks.gpu
	$(BIN)/python -m benchmarks.training

## What is shipped

wheel: install           ## dist/ich_node-VERSION-py3-none-any.whl, the same bytes wherever this commit is built
	rm -rf build/lib build/bdist.* $(DIST)/*.whl
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || date +%s) $(BIN)/python -m build --wheel --no-isolation --outdir $(DIST) .

wheel-test: install      ## installs the wheel where nothing else is, and runs everything that serves from there
	$(BIN)/python -m pytest -m wheel tests/wheel

packages: wheel          ## dist/*.deb and dist/*.rpm for the distributions whose Python is PYTHON (packaging/nfpm/packages.py)
	nice $(BIN)/python packaging/nfpm/packages.py $(DIST)/*.whl --python $(PYTHON) --out $(DIST)

packages-test: machine packages ## installs, upgrades, removes, purges the packages on an empty Debian 12 with its own systemd (20 minutes; needs root)
	$(BIN)/python -m tests.packaging.on_debian $(DIST)/*.whl
	$(BIN)/python -m tests.packaging.rpm_on_debian $(DIST)/*.whl

containers-test: wheel   ## the Containerfile, step by step in root folders of Debian, and the services in such containers (root, debootstrap, make peers)
	test -d $(RUNS)/containers/debian || debootstrap --variant=minbase bookworm $(RUNS)/containers/debian
	$(BIN)/python -m tests.packaging.image $(RUNS)/containers/debian $(RUNS)/containers/image $(if $(filter-out undefined,$(origin TORCH_INDEX)),--build-arg TORCH_INDEX=$(TORCH_INDEX))
	ICH_NODE_IMAGE=$(CURDIR)/$(RUNS)/containers/image $(BIN)/python -m pytest -m extended tests/packaging/test_containers.py

sbom: wheel              ## dist/sbom.cdx.json and dist/licences.md of all that production may have; fails at a library under the GPL
	rm -rf build/production
	$(BIN)/uv venv --quiet --python $(BIN)/python build/production
	$(BIN)/uv pip install --quiet --python build/production/bin/python -c constraints.txt "$$(ls $(DIST)/*.whl)[apprise,openvino,plots,postgresql,training]"
	$(BIN)/python -m release.licences build/production >$(DIST)/licences.md
	$(BIN)/cyclonedx-py environment --output-reproducible -o $(DIST)/sbom.cdx.json build/production/bin/python
	rm -rf build/production

sizes: install           ## what an environment takes on disk, by library: make sizes PREFIX=/opt/ich-node
	$(BIN)/python -m release.sizes $(PREFIX)

checksums: install       ## dist/SHA256SUMS of all files of the release
	cp constraints.txt $(DIST)
	cd $(DIST) && rm -f SHA256SUMS* && sha256sum -- * >SHA256SUMS

release: install         ## cuts CHANGELOG, commits and tags; pushes nothing: make release VERSION=0.2.0 (docs/releasing.md)
	$(BIN)/python -m release.cut $(VERSION)

## What the tests need on Debian (root)

peers:                   ## Debian: installs the real peers; tests without their peer are skipped (needs root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y orthanc orthanc-dicomweb dcmtk dicom3tools pixelmed-apps postgresql openssl shellcheck rpm gcc libc6-dev
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium prometheus

viewer-peers: install    ## Debian: installs Chromium, Orthanc's web viewer and OHIF (350 MB) for make viewers (needs root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y orthanc orthanc-dicomweb orthanc-webviewer chromium $$(command -v npm >/dev/null || echo npm)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[viewers]"
	mkdir -p .viewers/ohif
	cd .viewers/ohif && npm pack --silent @ohif/app@$(OHIF) && tar xzf ohif-app-$(OHIF).tgz && rm ohif-app-$(OHIF).tgz

machine: install         ## Debian: what boots an empty Debian 12 to install the product in, and its base (tests/support/empty_machine.py; needs root)
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap systemd-container
	$(BIN)/python -m tests.support.empty_machine base

walk: machine            ## the commands of docs/quickstart.md on an empty Debian 12, with the seconds of each section (15 minutes; root, network)
	rm -rf build/lib $(RUNS)/walk
	for version in 0.2.0 0.2.1; do SETUPTOOLS_SCM_PRETEND_VERSION=$$version $(BIN)/python -m build --wheel --no-isolation --outdir $(RUNS)/walk . || exit 1; done
	$(BIN)/python -m tests.walk.newcomer $(RUNS)/walk/*.whl
