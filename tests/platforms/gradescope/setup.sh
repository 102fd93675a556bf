#!/usr/bin/env bash
# Gradescope runs this once, with network access, when it builds the image.
set -euo pipefail
/autograder/source/kit/tests/platforms/prepare
