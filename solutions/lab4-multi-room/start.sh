#!/usr/bin/env bash
# Starts the server, as the assignment requires: start.sh [PORT]
cd "$(dirname "$0")" && exec cargo run --quiet -p solution4-server -- "$@"
