#!/usr/bin/env python3
"""The appliance on real drivers, in QEMU: `make test-hardware`.

    tests/hardware/run.py --image FOLDER [SCENARIO…]

FOLDER is image/build.sh's. Without scenarios: all of them, in the order of scenarios.py. What came
out is printed and lies in target/hardware/results.md; docs/ref/faults.md has the last full run.
"""
import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import scenarios
from booth import Broker
from guest import free_port
from steps import Run


def bundles(options, folder):
    """Updates made of the image's own root: one with another version, one whose boothd hangs, one with an unknown signature."""
    good, bad, foreign, changed = (folder / f"{name}.raucb" for name in ("good", "bad", "foreign", "changed"))
    options.good_bundle, options.bad_bundle, options.foreign_bundle, options.changed_bundle = good, bad, foreign, changed
    original = options.folder / "boothd-amd64.raucb"
    if good.exists() and good.stat().st_mtime > original.stat().st_mtime:
        return
    script = Path(__file__).parent / "bundles.sh"
    subprocess.run([script, original, options.folder / "keys", folder], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", type=Path, required=True, dest="folder", help="the folder of image/build.sh")
    parser.add_argument("--work", type=Path, default=Path("target/hardware"))
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("scenario", nargs="*", choices=[*scenarios.ALL, []])
    options = parser.parse_args()
    options.image = options.folder / "boothd-amd64.img"
    options.tools = options.work / "tools.squashfs"
    options.files_port = free_port()
    names = options.scenario or list(scenarios.ALL)
    if names[0] not in ("boot", "unchosen"):
        names.insert(0, "boot")
    options.work.mkdir(parents=True, exist_ok=True)
    subprocess.run([Path(__file__).parent / "tools.sh", options.folder / "boothd-amd64.packages", options.work], check=True)
    if {"update", "bad_update", "unsigned"} & set(names):
        bundles(options, options.work)

    # The guest ends with the tests, however they are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    broker = Broker(options.work, free_port())
    run = Run(options, options.work, broker)
    failed = []
    lines = []
    try:
        wait = time.monotonic()
        broker.listen()
        for name in names:
            print(f"-- {name}", flush=True)
            run.results = []
            start = time.monotonic()
            try:
                scenarios.ALL[name](run)
                verdict = "ok"
            except Exception as error:
                verdict = f"FAILED: {error}"
                failed.append(name)
                print(f"   {verdict}\n{run.guest.last_lines()}" if run.guest else verdict, flush=True)
            took = time.monotonic() - start
            print(f"   {verdict.splitlines()[0]} ({took:.0f} s)", flush=True)
            found = "; ".join(f"{what}: {value}" for what, value in run.results)
            lines.append(f"| {name} | {verdict.splitlines()[0]} | {found} | {took:.0f} s |")
            if name == "boot" and failed:
                break
        print(f"all: {time.monotonic() - wait:.0f} s")
    finally:
        (options.work / "results.md").write_text(
            "| scenario | | what was measured | took |\n|---|---|---|---|\n" + "\n".join(lines) + "\n")
        broker.stop()
        if run.guest:
            run.guest.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
