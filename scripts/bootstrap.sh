#!/bin/sh
# Prints the path of a Python >= 3.11 that can make virtual environments; installs Debian's where it is
# missing: as root at once, with sudo after asking (YES=1 skips the question).
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

newest_enough() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$path" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    return 1
}

makes_environments() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

install() {
    command -v apt-get >/dev/null 2>&1 || fail "$1; install $2"
    # shellcheck disable=SC2086 # the package names are words
    set -- env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends $2
    if [ "$(id -u)" -eq 0 ]; then
        say "running: $*"
        apt-get update -qq >&2 || fail "apt-get update failed: is the network reachable?"
    else
        command -v sudo >/dev/null 2>&1 || fail "no root rights to install Python: run as root: $*"
        if [ "${YES:-}" != 1 ]; then
            [ -t 0 ] || fail "run this first, or set YES=1: sudo $*"
            printf 'Python or its venv module is missing. Run: sudo %s ? [y/N] ' "$*" >&2
            read -r answer
            case $answer in [yY]*) ;; *) fail "not installed: run it yourself, then repeat" ;; esac
        fi
        set -- sudo "$@"
        say "running: $*"
        sudo apt-get update -qq >&2 || fail "apt-get update failed: is the network reachable?"
    fi
    "$@" >&2 || fail "the installation failed: $*"
}

python=$(newest_enough) || {
    install "Python 3.11 or later was not found" "python3 python3-venv"
    python=$(newest_enough) || fail "Python 3.11 or later is needed: this system's own is older"
}
makes_environments "$python" || {
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    case $python in
        /usr/bin/*) install "the venv module of Python $version is missing" "python$version-venv" ;;
        *) fail "$python lacks ensurepip or venv: install the full Python, or set PYTHON=/usr/bin/python3" ;;
    esac
    makes_environments "$python" || fail "$python still cannot make virtual environments"
}
printf '%s\n' "$python"
