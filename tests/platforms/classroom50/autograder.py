"""Grades the chat labs in Classroom 50. This file and kit.tar.gz belong into CLASSROOM/autograders/ASSIGNMENT/.

A status other than 0 tells Classroom 50 that the grader has failed, which is not a score of 0.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# Classroom 50 stops a job after 15 minutes.
MINUTES = "9"

checkout = Path.cwd()
result = checkout / "result.json"
result.unlink(missing_ok=True)
folder = Path(tempfile.mkdtemp())
with tarfile.open(Path(__file__).parent / "kit.tar.gz") as kit:
    kit.extractall(folder)
scripts = folder / "tests/platforms"
commands = [
    [scripts / "prepare"],
    ["env", f"GRADING_MINUTES={MINUTES}", scripts / "grade", checkout, "--classroom50", result],
]
for command in commands:
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        sys.exit(f"{command[0]} ended with status {status}; see above")
