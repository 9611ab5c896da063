"""Lays out the labelled faces of the PyPI wheel EmoPy 0.0.5 for evaluate_expression.py.

usage: emopy_faces.py UNPACKED_WHEEL OUT
       (pip download --no-deps --ignore-requires-python EmoPy==0.0.5; unzip)

OUT/posed/LABEL: frames of the Extended Cohn-Kanade set (whole heads, to be detected). The first two
frames of a sequence are neutral by that set's construction, whatever the sequence's label; a
sequence that the wheel files under two labels is left out.
OUT/wild/LABEL: the seven rows of FER2013's training part that the wheel holds (48x48 crops).
The faces may not be passed on, so they are no part of this project.
"""

import csv
import pathlib
import shutil
import sys

import cv2
import face_pipeline as face
import numpy as np

NAMES = dict(
    anger="angry", happiness="happy", surprise="surprise", disgust="disgust",
    fear="fear", sadness="sad",
)


def labels_of_sequences(source):
    found = {}
    for path in source.rglob("S*_*_*.png"):
        label = next(part for part in path.parts if part in NAMES)
        found.setdefault(path.stem[:8], set()).add(NAMES[label])
    return found


def place(path, folder, label):
    (folder / label).mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / label / path.name)


def main(unpacked, out):
    source = pathlib.Path(unpacked) / "EmoPy/examples/image_data"
    out = pathlib.Path(out)
    labels = labels_of_sequences(source)
    for path in sorted(source.rglob("S*_*_*.png")):
        if int(path.stem[9:]) <= 2:
            place(path, out / "posed", "neutral")
        elif len(labels[path.stem[:8]]) == 1:
            place(path, out / "posed", *labels[path.stem[:8]])
    with open(source / "sample.csv") as rows:
        for number, row in enumerate(csv.DictReader(rows)):
            grey = np.array(row["pixels"].split(), np.uint8).reshape(48, 48)
            folder = out / "wild" / face.EXPRESSIONS[int(row["emotion"])]
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"row{number}.png"), grey)


if __name__ == "__main__":
    main(*sys.argv[1:])
