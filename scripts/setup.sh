#!/bin/sh
# setup.sh FOLDER REQUIREMENTS...: a virtual environment with the pinned dependencies and this project.
# A first try that was interrupted is made good by the next one.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift

# Hashes are checked against the pins, so the caller's own package sources can serve but not change them.
works() { "$folder/bin/python" -m pip --version >/dev/null 2>&1; }
if ! works; then
    python=$(scripts/bootstrap.sh)
    printf 'creating %s with %s ...\n' "$folder" "$python" >&2
    "$python" -m venv --clear "$folder"
fi
# pip says nothing until it is done, so how long that takes is said here.
packages=$(cat "$@" | grep -c '^[A-Za-z0-9].*==') || packages=its
printf 'installing %s packages into %s, quietly: up to a minute the first time ...\n' "$packages" "$folder" >&2
began=$(date +%s)
for requirements; do
    shift
    set -- "$@" -r "$requirements"
done
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
"$folder/bin/python" -m pip install -qq --no-deps --no-compile --require-hashes "$@"
"$folder/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
# The editable install's absolute path would stop every start under LC_ALL=C in a folder with a Korean name:
# Python reads .pth files in the locale's encoding. From site-packages, this folder is four levels up.
for path in "$folder"/lib/python*/site-packages/_sapi_broker.pth; do
    [ "$(cd "${path%/*}/../../../.." && pwd -P)" != "$(pwd -P)" ] || printf '../../../..\n' >"$path"
done
printf 'installed in %d s\n' "$(($(date +%s) - began))" >&2
