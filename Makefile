# What a developer does in a day. PYTHON=… chooses the interpreter: python3 from PATH, for install /usr/bin/python3.
.DEFAULT_GOAL := help
.PHONY: help test demo lint bench faults fuzz machine matrix reference pictures install deb rpm clean
SETUP = PYTHON="$(PYTHON)" sh tools/setup.sh
VENV = .venv/bin/python
VENV_HERE = $(CURDIR)/.venv/bin/python

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## */\1 /p' Makefile | while read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

test:  ## set up what the tests need and run them: ARGS="tests/unit -k conf" for a part
	@$(SETUP) test
	@PATH="$$PATH:/usr/sbin:/sbin" $(VENV) -m pytest $(ARGS)

demo:  ## set up and watch container 101 get its network, and lose it again
	@$(SETUP) demo
	@PATH="$$PATH:/usr/sbin:/sbin" $(VENV) -m tests.lab.demo $(ARGS)

lint:  ## ruff, mypy --strict and vermin (nothing newer than Python 3.6 in the package)
	@$(SETUP) lint
	$(VENV) -m ruff check .
	$(VENV) -m mypy
	.venv/bin/vermin -q -t=3.6- --no-tips --violations vzhooks tools/deps.py tools/pages.py

bench:  ## what a start and a stop cost against a shell script and CNI, to docs/benchmark.md: ARGS="--quick" for a look
	@$(SETUP) test
	@PATH="$$PATH:/usr/sbin:/sbin" $(VENV) -m tests.bench $(ARGS)

faults:  ## every fault at every point of starts and stops, and a table of them: about a quarter of an hour; ARGS="-k kill" for a part
	@$(SETUP) test
	@PATH="$$PATH:/usr/sbin:/sbin" FAULTS=all $(VENV) -m pytest tests/lab/test_faults.py tests/lab/test_faults_places.py tests/lab/test_hostile.py $(ARGS)

fuzz:  ## a million hostile inputs for the parsers, by atheris where pip has it: ARGS="--runs 10000 conf" for a few
	@$(SETUP) test
	@$(VENV) -c 'import atheris' 2>/dev/null || $(VENV) -m pip install -q atheris 2>/dev/null || echo 'no atheris for this Python'
	@$(VENV) -m tests.fuzz $(ARGS)

machine:  ## random sequences of what vzctl and people do, with what must hold after each step: STEPS=10000 about an hour
	@$(SETUP) test
	@PATH="$$PATH:/usr/sbin:/sbin" STEPS=$(or $(STEPS),10000) RANDOM_STEPS=yes $(VENV) -m pytest -s tests/lab/test_machine.py

matrix:  ## every event of vzctl's, in both generations, by each way to the kernel; `make test` has each pair of the three
	@$(SETUP) test
	@PATH="$$PATH:/usr/sbin:/sbin" MATRIX=all $(VENV) -m pytest tests/lab/test_events.py

reference:  ## write docs/reference.md anew from the code
	@$(SETUP) test
	@$(VENV) tools/reference.py

pictures:  ## draw docs/map*.svg anew, by graphviz
	@$(SETUP) test
	$(VENV) -m tests.unit.reports

install:  ## lay the files as the packages do: DESTDIR=DIR PYTHON=/usr/bin/python3
	@sh tools/install.sh "$(DESTDIR)" "$(or $(PYTHON),/usr/bin/python3)"

deb:  ## build dist/vzhooks_VERSION_all.deb
	@$(SETUP) package
	@PYTHON=$(VENV_HERE) sh tools/package.sh deb

rpm:  ## build dist/vzhooks-VERSION-1.noarch.rpm, with the libraries that EL7 has not
	@$(SETUP) package
	@PYTHON=$(VENV_HERE) sh tools/package.sh rpm

clean:  ## remove everything that is not source
	rm -rf .venv .venv-matrix .venv-setup.log build dist *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
