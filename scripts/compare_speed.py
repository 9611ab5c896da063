#!/usr/bin/env python3
"""Fails where one build of boothd is slower than another: compare_speed.py BUILD THAN [MOST_RATIO]

Runs `boothd bench --rounds 1` of both in turn and compares the CPU time of a frame and of a segment, pair by
pair: a shared machine's speed changes within seconds, a ratio hardly does. scripts/package.sh compares the
packaged program with the one that the tests ran.
"""

import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAIRS = 3


def cpu_ms(program):
    command = [program, "--data-dir", str(ROOT), "bench", "--rounds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()}")
    result = json.loads(done.stdout)
    return {what: result[what]["cpu_ms_median"] for what in ("frame", "segment")}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    build, than = sys.argv[1:3]
    most = float(sys.argv[3]) if len(sys.argv) == 4 else 1.3
    pairs = [(cpu_ms(build), cpu_ms(than)) for _ in range(PAIRS)]
    slow = []
    for what in pairs[0][0]:
        ratio = statistics.median(a[what] / b[what] for a, b in pairs)
        print(f"a {what}: {build} takes {ratio:.2f} times as long as {than}")
        if ratio > most:
            slow.append(what)
    if slow:
        sys.exit(f"{build} is too slow (more than {most} times {than}): {', '.join(slow)}")


if __name__ == "__main__":
    main()
