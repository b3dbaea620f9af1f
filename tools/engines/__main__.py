"""``python -m tools.engines``: fetches Beam's engines, and starts one to try a recipe on."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from tools.engines.clusters import KINDS
from tools.engines.jars import CACHE_VARIABLE, SOURCES, EngineMissing, cache_folder, fetch, find


def main() -> int:
    """Does what the command says; 0, or 1 where an engine cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tools.engines", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help=f"bring engines into ${CACHE_VARIABLE}, or ~/.cache/kerasline/engines")
    fetching.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(SOURCES)}; default: all")
    fetching.add_argument("--within", type=float, default=1200, metavar="SECONDS", help="give up after (1200)")
    starting = commands.add_parser("start", help="start one, print the options for run.beam, and end it at Ctrl-C")
    starting.add_argument("kind", choices=sorted(KINDS))
    commands.add_parser("list", help="what is in the cache")
    options = parser.parse_args()
    try:
        if options.command == "fetch":
            return fetch_all(options.engines or list(SOURCES), time.monotonic() + options.within)
        return start(options.kind) if options.command == "start" else list_all()
    except EngineMissing as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1


def fetch_all(names: list[str], deadline: float) -> int:
    """Fetches engines one after the other; one that is missing does not keep the next from being tried."""
    code = 0
    for name in names:
        try:
            if name not in SOURCES:
                raise EngineMissing(f"expected {' or '.join(SOURCES)}, got {name!r}")
            engine = fetch(name, cache_folder(), deadline)
            print(f"{name}: {engine.server_version}, {engine.package}, {engine.server}")
        except EngineMissing as error:
            print(f"engines: {error}", file=sys.stderr)
            code = 1
    return code


def list_all() -> int:
    """Says what is in the cache."""
    for name in SOURCES:
        engine = find(name, cache_folder())
        print(f"{name}: {f'{engine.server_version}, {engine.package}' if engine else 'not fetched'}")
    return 0


def start(kind: str) -> int:
    """Starts an engine and keeps it until it is told to end."""
    name, begin = KINDS[kind]
    engine = find(name, cache_folder())
    if engine is None:
        raise EngineMissing(f"{name} is not in {cache_folder()}; run 'python -m tools.engines fetch {name}' first")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix=f"{kind}-") as folder, begin(engine, Path(folder)) as words:
        print(f"--set run.beam='{json.dumps(words)}'\nlogs are in {folder}; Ctrl-C ends it", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
