#!/usr/bin/env python3
"""Writes docs/ref/measurements.md from docs/ref/measurements.toml, and measures what can be measured here.

    scripts/measurements.py                      writes the page
    scripts/measurements.py --check              fails where the page is not what the table gives
    scripts/measurements.py --run frame segment  runs these commands first and stores their figures
    scripts/measurements.py --run                runs every command of which it can read the figures

A figure keeps its date and machine until its command runs again. `target/release/boothd` is built before.
"""

import argparse
import datetime
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs/ref/measurements.toml"
PAGE = ROOT / "docs/ref/measurements.md"
LIMIT_S = 3600

HEAD = """# Measurements

<!-- Written by scripts/measurements.py from measurements.toml; change that file. -->
Every figure has the command that reproduces it, the date and the machine. The machines are virtual, with two shared
cores: the same run varies by up to 40 %, so ratios within one run are more reliable than times. No figure was measured on an ARM board; boards are
estimated in [performance.md](performance.md).

**Limits of the figures.** Landmarks were measured on one clip of one person, head pose on one scan, gaze on rendered people; the
clip shows one smile. Nothing here was measured on people in a booth: glasses, accents, skin tone, age, disability and lighting shift the
numbers by unknown amounts. No figure describes what a person feels, thinks or is worth.
"""


def read_table():
    rows = tomllib.loads(TABLE.read_text())["measurement"]
    names = [row["name"] for row in rows]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        sys.exit(f"{TABLE}: repeated names: {', '.join(sorted(repeated))}")
    return rows


def render(rows):
    page = [HEAD]
    for group in dict.fromkeys(row["group"] for row in rows):
        page += [f"## {group}", "| what | measured | reproduce with | when and where |", "|---|---|---|---|"]
        for row in (row for row in rows if row["group"] == group):
            commands = ", ".join(command_cell(command) for command in row["command"].split("; "))
            needs = f" (needs {row['needs']})" if "needs" in row else ""
            page.append(
                f"| {row['what']} | {row['measured']} | {commands}{needs} | {row['date']}, {row['machine']} |"
            )
        page.append("")
    return "\n".join(page)


def command_cell(command):
    if command.endswith(".md"):
        return f"[{pathlib.Path(command).stem}](../../{command})"
    return f"`{command}`"


def this_machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    wide = [name for name in ("avx512f", "avx2", "asimd") if name in flags.split()]
    return f"{model}, {wide[0] if wide else 'no vectors'}"


def measure(row):
    """Runs the row's command and reads its figures; the row is unchanged where one is not found."""
    print(f"{row['name']}: {row['command']}", flush=True)
    try:
        done = subprocess.run(
            row["command"], shell=True, cwd=ROOT, text=True, timeout=LIMIT_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{row['name']}: the command took over {LIMIT_S} s and was ended"
    if done.returncode != 0:
        return f"{row['name']}: the command failed ({done.returncode}): {done.stdout[-2000:]}"
    found = [re.search(pattern, done.stdout, re.MULTILINE) for pattern in row["find"]]
    missing = [pattern for pattern, match in zip(row["find"], found) if match is None]
    if missing:
        return f"{row['name']}: the output lacks {missing}: {done.stdout[-2000:]}"
    row |= {
        "measured": row["form"].format(*(match[1] for match in found)),
        "date": datetime.date.today().isoformat(),
        "machine": this_machine(),
    }
    print(f"  {row['measured']}", flush=True)
    return None


def store(row):
    """Changes the row's three lines of the table, and nothing else of it."""
    text = TABLE.read_text()
    begin = text.index(f'name = "{row["name"]}"\n')
    end = text.find("[[measurement]]", begin)
    block = text[begin:] if end < 0 else text[begin:end]
    changed = block
    for key in ("measured", "date", "machine"):
        value = row[key].replace("\\", "\\\\").replace('"', '\\"')
        changed = re.sub(rf'^{key} = ".*"$', lambda _: f'{key} = "{value}"', changed, count=1, flags=re.MULTILINE)
    TABLE.write_text(text.replace(block, changed, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--run", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    rows = read_table()
    failed = []
    if arguments.run is not None:
        readable = [row for row in rows if "find" in row]
        wanted = arguments.run or [row["name"] for row in readable]
        unknown = set(wanted) - {row["name"] for row in readable}
        if unknown:
            names = ", ".join(row["name"] for row in readable)
            sys.exit(f"no figures can be read for {', '.join(sorted(unknown))}; those that can: {names}")
        for row in (row for row in readable if row["name"] in wanted):
            error = measure(row)
            if error is None:
                store(row)
            else:
                failed.append(error)
    page = render(rows)
    if arguments.check:
        if PAGE.read_text() != page:
            sys.exit(f"{PAGE} is not what {TABLE.name} gives: run scripts/measurements.py")
    else:
        PAGE.write_text(page)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
