# SPDX-License-Identifier: BSD-2-Clause
#
# `make model` runs all of the model and `make model-mutants` its mutants alone (README.md there); `make check` runs a small part.

EXTRA_DIST += \
	tests/model/README.md \
	tests/model/bus.pml \
	tests/model/check.py \
	tests/model/daemon.pml \
	tests/model/group.pml \
	tests/model/mirror.pml \
	tests/model/nemesis.pml \
	tests/model/run.py \
	tests/model/state.pml \
	tests/model/target.pml
model_checks = tests/model/check.py

.PHONY: model model-mutants
model:
	CC='$(CC)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/model/run.py
model-mutants:
	CC='$(CC)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/model/run.py --mutants
