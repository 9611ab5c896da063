"""Compares the SHA-256 of freshly made models with what catalog.toml says.

usage: check_catalog.py CATALOG.toml FOLDER; exits 1 when one differs or is missing.
"""

import hashlib
import pathlib
import sys
import tomllib

catalog = tomllib.loads(pathlib.Path(sys.argv[1]).read_text())
folder = pathlib.Path(sys.argv[2])
wrong = 0
for name, entry in catalog.items():
    path = folder / entry["file"]
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
    same = found == entry["sha256"]
    wrong += not same
    print(f"{'same  ' if same else 'OTHER '} {name:20} {entry['file']:32} {found}")
raise SystemExit(1 if wrong else 0)
