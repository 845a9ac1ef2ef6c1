# make demo · make test · make bench · make lint: each works on a fresh clone, again and again.
# All that is needed is python3 (3.11 or later, with venv), make and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS := 600
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow explore fuzz bench lint clean help

help:
	@echo "make demo       train on Bach chorales for two minutes, write demo/bach.{mid,wav,png}"
	@echo "make test       run the test suite"
	@echo "make test-slow  run the slow tests"
	@echo "make explore    run the test suite on examples that nobody has tried yet"
	@echo "make fuzz       feed the MIDI reader broken files for ten minutes (FUZZ_SECONDS=600)"
	@echo "make bench      measure the figures of docs/benchmarks.md"
	@echo "make lint       ruff, mypy and the floors of the architecture"

demo: $(INSTALLED)
	$(BIN)/rnnmusic demo --output demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

explore: $(INSTALLED)
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -m "not slow"

fuzz: $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --group fuzz
	$(BIN)/python -m tests.fuzz.fuzz_midi -max_total_time=$(FUZZ_SECONDS)

bench: $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --group peers
	$(BIN)/python benchmarks/roll_speed.py
	$(BIN)/python benchmarks/nade.py
	$(BIN)/python benchmarks/midi_limits.py
	$(BIN)/python benchmarks/corpus_speed.py
	$(BIN)/python benchmarks/loader.py
	$(BIN)/python benchmarks/audio_frames.py
	$(BIN)/python benchmarks/filters.py
	$(BIN)/python benchmarks/flavours_training.py
	$(BIN)/python benchmarks/reservoir_speed.py
	$(BIN)/python benchmarks/learning.py --seeds 3
	$(BIN)/rnnmusic bench flavours --full
	$(BIN)/python benchmarks/near_duplicates.py
	$(BIN)/python benchmarks/live_step.py
	$(BIN)/python benchmarks/live_sender.py
	$(BIN)/python benchmarks/live_follow.py
	$(BIN)/python benchmarks/live_director.py
	$(BIN)/python benchmarks/live_soak.py
	$(BIN)/python benchmarks/live_kills.py

lint: $(INSTALLED)
	$(BIN)/pre-commit run --all-files

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "rnnmusic needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python3 can't make virtual environments here: install python3-venv." >&2; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
	  --editable '.[scores,tensorboard]' --group dev
	@touch $@

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
