#!/usr/bin/env python3
"""What is built into boothd: a bill of materials (CycloneDX 1.5) and the crates' licences.

    scripts/bill.py FOLDER [TARGET]

writes FOLDER/boothd.cdx.json and FOLDER/third-party-licenses.txt. Only crates that end in the
program count, not what builds or tests it. The same Cargo.lock gives the same bytes.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORDS = ("licen", "copying", "notice", "unlicense", "copyright")


def built_in(target):
    """The packages that are linked into the program: (packages by id, edges)."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    data = json.loads(subprocess.check_output(command, cwd=ROOT))
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    edges, waiting = {}, [data["resolve"]["root"]]
    while waiting:
        at = waiting.pop()
        if at in edges:
            continue
        is_macro = any("proc-macro" in kind["kind"] for kind in packages[at]["targets"])
        # A macro's dependencies run in the compiler.
        edges[at] = [] if is_macro else sorted(
            dep["pkg"]
            for dep in nodes[at]["deps"]
            if any(kind["kind"] is None for kind in dep["dep_kinds"])
        )
        waiting += edges[at]
    return {id: packages[id] for id in edges}, edges


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def crates(packages):
    own = lambda package: package["source"] is None
    return sorted((p for p in packages.values() if not own(p)), key=lambda p: (p["name"], p["version"]))


def checksums():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def component(package, sums):
    made = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
        "licenses": [{"expression": expression(package)}],
    }
    if checksum := sums.get((package["name"], package["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def models():
    """The models are parts as much as the crates are."""
    catalog = tomllib.loads((ROOT / "models/catalog.toml").read_text())
    licences = {"emotion": "MIT", "silero": "MIT"}
    found = []
    for name, entry in sorted((n, e) for n, e in walk(catalog) if "sha256" in e):
        licence = licences.get(entry["file"].split("_")[0], "Apache-2.0")
        found.append({
            "type": "machine-learning-model",
            "bom-ref": f"model:{name}",
            "name": name,
            "version": entry["sha256"][:12],
            "licenses": [{"license": {"id": licence}}],
            "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}],
        })
    return found


def walk(table):
    for name, value in table.items():
        if isinstance(value, dict):
            yield name, value
            yield from walk(value)


def expression(package):
    # The old way to write OR.
    return (package["license"] or "NOASSERTION").replace("/", " OR ").replace("  ", " ")


def bill(packages, edges):
    sums = checksums()
    root = next(p for p in packages.values() if p["source"] is None)
    parts = models()
    depends = [
        {"ref": reference(packages[id]), "dependsOn": sorted(reference(packages[d]) for d in to)}
        for id, to in sorted(edges.items(), key=lambda edge: reference(packages[edge[0]]))
    ]
    for edge in depends:
        if edge["ref"] == reference(root):
            edge["dependsOn"] += [part["bom-ref"] for part in parts]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "bom-ref": reference(root),
            "name": root["name"],
            "version": root["version"],
        }},
        "components": [component(package, sums) for package in crates(packages)] + parts,
        "dependencies": depends,
    }


def texts(package):
    """The licence files that the crate's authors put into it, also those of a library in a folder of its own
    (libjpeg-turbo: its README.ijg is part of its licence)."""
    folder = pathlib.Path(package["manifest_path"]).parent
    beside = [f for f in folder.iterdir() if f.name.lower().startswith(WORDS)]
    within = [f for f in folder.glob("*/*") if f.name.lower().startswith((*WORDS, "readme.ijg"))]
    files = [f for f in sorted(beside + within) if f.is_file()]
    return [(str(f.relative_to(folder)), f.read_text(errors="replace").strip()) for f in files]


def licences(packages):
    lines = ["The crates that are built into boothd, and their licences.", ""]
    holders = collections.defaultdict(list)
    for package in crates(packages):
        lines.append(f"{package['name']} {package['version']}: {expression(package)}")
        for name, text in texts(package):
            holders[text].append(f"{package['name']} {package['version']} ({name})")
    for text, who in sorted(holders.items(), key=lambda item: item[1]):
        lines += ["", "=" * 80, *who, "-" * 80, text]
    return "\n".join(lines) + "\n"


def main():
    folder = pathlib.Path(sys.argv[1])
    target = sys.argv[2] if len(sys.argv) > 2 else "x86_64-unknown-linux-gnu"
    packages, edges = built_in(target)
    folder.mkdir(parents=True, exist_ok=True)
    made = json.dumps(bill(packages, edges), indent=1, ensure_ascii=False) + "\n"
    (folder / "boothd.cdx.json").write_text(made)
    (folder / "third-party-licenses.txt").write_text(licences(packages))
    unknown = [reference(p) for p in crates(packages) if not p["license"]]
    print(f"{len(crates(packages))} crates; without a licence: {unknown or 'none'}")


main()
