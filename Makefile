# make demo: install and train on bundled images.  make test: install and run the tests, a few minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow test-engines test-long test-browser screenshots soundness test-portability test-portability-quick test-evaluators check lint format clean fuzz chaos chaos-engines bench bench-quick bench-peers pictures regularization vendor vendor-check dist test-dist docs translations

demo: $(INSTALLED)
	$(BIN)/halfspaces train digits --out digits.safetensors
	$(BIN)/halfspaces evaluate digits.safetensors digits

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto -m "not slow and not long and not browser"

# Every law for options beyond the defaults, large data, real archives: about five minutes.
test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto -m slow

# Fits on Dask and on Ray, two processes of each: installs their extras, less than two minutes.
test-engines: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,dask,ray]'
	$(BIN)/python -m pytest -q -m "not slow" tests/engines/test_clusters.py tests/engines/test_equal_bits.py tests/engines/test_parquet.py

# The page in a real browser; needs Chromium and Playwright, which .ci/run installs: about a minute.
test-browser: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m browser tests/page

# Small files that claim much, every picture from every source, more adversarial fits, laws with options: four minutes.
test-long: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto -m long

# Damaged files for every reader, models, run files and checkpoints, and small files that claim much, about three hours;
# each takes at most 5 s and 300 MB. `make test-slow` opens a few hundred of them.
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz --inputs 20000
	$(BIN)/python -m tests.fuzz.model_file 20000
	$(BIN)/python -m tests.fuzz.settings 2000
	$(BIN)/python -m tests.fuzz.claims

# 10,000 adversarial fits and 1,000 concurrent ones: no false bound, no worse end, the same bits; about forty minutes.
soundness: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.soundness 10000
	$(BIN)/python -m tests.soundness.threads 1000

# MTEB's and SetFit's own classes with our heads, in an environment of their own (1.5 GB with torch): two minutes.
test-evaluators:
	$(PYTHON) -m venv build/evaluators
	build/evaluators/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 mteb==2.26.24 setfit==1.2.0 pytest --editable .
	build/evaluators/bin/python -m pytest -q tests/estimators/test_probe_evaluators.py

# As on other processors: without AVX-512, by numba's generic target and other kernels of OpenBLAS; the whole suite for
# each, about an hour and a half. A short selection takes two minutes: test-portability-quick.
test-portability: $(INSTALLED)
	$(BIN)/python tests/portability.py

test-portability-quick: $(INSTALLED)
	$(BIN)/python tests/portability.py --quick

# The documentation site in build/docs: every cell and example runs; warnings, broken links, and missing or old translations
# are errors; the lecture in Chinese and Korean beside it, from the same run of the cells. No network is needed.
docs: $(VENV)/.docs
	$(BIN)/python -m pytest -q tests/test_translations.py
	$(BIN)/python -m sphinx -W -E -n -q -j 2 -b html docs build/docs
	for language in zh_CN ko; do $(BIN)/python -m sphinx -W -E -q -D language=$$language -b html docs build/docs/$$language || exit 1; done

# After a change of the text of docs/lecture: new messages in docs/locales, to be translated.
translations: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -b gettext -D nb_execution_mode=off docs build/gettext
	for language in zh_CN ko; do \
	  for page in build/gettext/lecture/*.pot; do \
	    $(BIN)/pybabel -q update --ignore-obsolete -i $$page -l $$language -o docs/locales/$$language/LC_MESSAGES/lecture/$$(basename $$page .pot).po; \
	  done; \
	done

$(VENV)/.docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The pictures of docs/pictures.md, by the commands that stand in it; needs the data of ../shared, two minutes.
pictures: $(INSTALLED)
	$(BIN)/python docs/pictures.py

# The measurements, figure and tables of docs/regularization.md; needs torch and the data of ../shared, an hour.
regularization: $(INSTALLED)
	$(BIN)/python -m docs.regularization all

# The page's JavaScript: web/ bundled into src/halfspaces/page/static with the chart library it needs; node and npm are
# needed, as for vendor-check, which compares the bundle that is there with a new one.
vendor: web/node_modules/.installed
	node web/bundle.mjs src/halfspaces/page/static

vendor-check: web/node_modules/.installed
	rm -rf build/page && node web/bundle.mjs build/page
	for file in page.js page.css LICENSES.txt; do cmp build/page/$$file src/halfspaces/page/static/$$file || exit 1; done

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# The pictures of the page, docs/pictures/page-*.png; Chromium and Playwright are needed.
screenshots: $(INSTALLED)
	$(BIN)/python -m docs.screenshots

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Against its peers, about an hour; `make bench-peers` installs them, those that are missing are left out.
bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

bench-quick: $(INSTALLED)
	$(BIN)/python -m benchmarks --quick

bench-peers: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'

# 50 fits on Dask and 50 on Ray whose workers are killed at random moments; needs the extras dask and ray: ten minutes.
chaos-engines: $(INSTALLED)
	$(BIN)/python -m benchmarks.chaos_engines 50

# 200 runs killed at random moments end with the bits of those that were not, about ten minutes.
chaos: $(INSTALLED)
	$(BIN)/python -m benchmarks.chaos

# One environment for everything, at the versions of constraints.txt.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "halfspaces needs Python 3.11 or newer, found " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The sdist and the wheel of the commit, in dist/: built twice, in two folders, and compared: half a minute.
dist: build/release/.installed
	build/release/bin/python -m release.dist

# The wheel of `make dist` in fresh environments: alone with each Python that is there, and with each extra alone; digits
# are trained in each. A minute for each, twenty in all; 1 GB of wheels.
test-dist: dist
	build/release/bin/python -m release.environments

build/release/.installed: release/requirements.txt
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip install --quiet --disable-pip-version-check --requirement release/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) digits.safetensors digits.run.toml digits.svg .pytest_cache .ruff_cache
