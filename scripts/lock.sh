#!/bin/sh
# Pins every dependency with its hashes, for all platforms and Python 3.11 and later. Run it as `make lock`.
set -eu
cd "$(dirname "$0")/.."

# The caller's own package sources must not end up in the files.
for name in $(env | sed -n -e 's/^\(PIP_[A-Z_]*\)=.*/\1/p' -e 's/^\(UV_[A-Z_]*\)=.*/\1/p'); do
    case $name in PIP_CERT | UV_CACHE_DIR) ;; *) unset "$name" ;; esac
done

compile() {
    .venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}

compile pyproject.toml -o requirements/base.txt
compile pyproject.toml --constraint requirements/base.txt --extra kiwoom-windows -o requirements/kiwoom-windows.txt
compile pyproject.toml --constraint requirements/base.txt --extra dev --extra docs --extra examples \
    --extra gateway --extra mcp --extra postgres --extra tracing -o requirements/dev.txt
compile pyproject.toml --constraint requirements/dev.txt --extra gateway -o requirements/gateway.txt
compile pyproject.toml --constraint requirements/dev.txt --extra gateway --extra postgres \
    --extra tracing -o requirements/image.txt
compile pyproject.toml requirements/bench.in --constraint requirements/gateway.txt --extra gateway \
    -o requirements/bench.txt
compile requirements/build.in --constraint requirements/dev.txt -o requirements/build.txt
.venv/bin/python scripts/list_win32_wheels.py
