# Two commands are all a newcomer needs: `make run` and `make test`. Both build the environment once, in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export OMP_WAIT_POLICY = PASSIVE

.PHONY: run test lab record bench clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[test]"
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 > /dev/null
	touch $@

run: $(VENV)/ready          ## the main job, end to end, in minutes
	$(BIN)/python -m worldmodel run

test: $(VENV)/ready         ## all tests, notebooks included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	$(BIN)/python -m pytest -q --nbmake --nbmake-timeout=600 notebooks

lab: $(VENV)/ready          ## open the notebooks
	$(BIN)/python -m jupyter lab notebooks

record: $(VENV)/ready       ## rerun everything that the README claims: five seeds, resumable
	nice $(BIN)/python -m worldmodel record

bench: $(VENV)/ready        ## print the speed figures, and record them
	$(BIN)/python benchmarks
	$(BIN)/python benchmarks/foreign_videos.py

clean:
	rm -rf $(VENV)
