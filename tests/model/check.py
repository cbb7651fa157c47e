#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The part of the model that make check runs: a small configuration, and a mutant that has to be found."""

import sys

import run

sys.exit(0 if run.check(run.CHECKED) else 1)
