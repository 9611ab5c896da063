"""How well the expression models name labelled faces, and whether their probabilities are honest.

usage: evaluate_expression.py CATALOG.toml MODELS FACES [--aligned] [--float FLOAT] [--names A,B]
FACES has a sub-folder for each label; --aligned takes each picture as a tight face crop, otherwise
the largest face is found as boothd does. A subject is what stands before the first "_" of a name.
Prints, for each model and for the combination that the catalog describes: accuracy, mean recall over
the labels that occur, expected calibration error (15 bins), the confusion, and the temperature that
fits one half of the subjects with what it does on the other half. Every figure is of the mean of both
mirror views. --float adds the drift from there; --names limits the models (all entries of the catalog
with a `picture` otherwise).
"""

import argparse
import pathlib

import cv2
import face_pipeline as face
import numpy as np

BINS = 15
TEMPERATURES = np.geomspace(0.25, 4, 81)


def judge(models, names, picture, aligned):
    """Log probabilities by model, and of the combination; None without a face."""
    mesh = None
    if not aligned:
        detections = face.detect(models.face_detector, picture)
        if not detections:
            return None
        largest = max(detections, key=lambda d: np.prod(d[1][2:] - d[1][:2]))
        mesh, presence = face.follow_face(models, picture, largest)
        if presence < 0:
            return None
    found = {}
    for name in names:
        settings = models.entries[name]["picture"]
        square = (
            face.tight_square(picture) if aligned else face.expression_square(mesh, settings)
        )
        found[name] = face.expression(getattr(models, name), settings, picture, square)
    found["combined"] = np.log(face.combine(found, models.entries))
    return found


def read_faces(folder):
    for path in sorted(pathlib.Path(folder).glob("*/*")):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None or path.parent.name not in face.EXPRESSIONS:
            raise SystemExit(f"{path} is no picture in a folder named by one of {face.EXPRESSIONS}")
        label = face.EXPRESSIONS.index(path.parent.name)
        yield path.stem.split("_")[0], label, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def calibration_error(p, labels):
    sure, right = p.max(1), p.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)]
    return sum(gaps) / len(labels)


def log_loss(p, labels):
    return -np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-9)).mean()


def confusion(p, labels):
    table = np.zeros((len(face.EXPRESSIONS),) * 2, int)
    np.add.at(table, (labels, p.argmax(1)), 1)
    return table


def scores(p, labels):
    table = confusion(p, labels)
    recall = [row[i] / row.sum() for i, row in enumerate(table) if row.sum()]
    return table.trace() / len(labels), float(np.mean(recall)), calibration_error(p, labels)


def fit_temperature(logits, labels):
    losses = [log_loss(face.softmax(logits / t), labels) for t in TEMPERATURES]
    return TEMPERATURES[int(np.argmin(losses))]


def report_temperature(logits, labels, subjects):
    """Fits on one half of the subjects, reports on the other, and the other way round."""
    names = sorted(set(subjects))
    first = np.isin(subjects, names[::2])
    for fitted, held in ((first, ~first), (~first, first)):
        if not fitted.any() or not held.any():
            return
        t = fit_temperature(logits[fitted], labels[fitted])
        before, after = (face.softmax(logits[held] / x) for x in (1, t))
        print(
            f"  temperature {t:.2f} (n {fitted.sum()}), on the others (n {held.sum()}):"
            f" calibration error {calibration_error(before, labels[held]):.3f}"
            f" -> {calibration_error(after, labels[held]):.3f},"
            f" log loss {log_loss(before, labels[held]):.3f} -> {log_loss(after, labels[held]):.3f}"
        )


def report(name, logits, labels, subjects):
    p = face.softmax(logits)
    accuracy, recall, error = scores(p, labels)
    print(
        f"{name}: accuracy {accuracy:.3f}, mean recall {recall:.3f}, "
        f"calibration error {error:.3f}, log loss {log_loss(p, labels):.3f}, n {len(labels)}"
    )
    print("  truth \\ said  " + " ".join(f"{label:>8}" for label in face.EXPRESSIONS))
    for label, row in zip(face.EXPRESSIONS, confusion(p, labels)):
        if row.sum():
            print(f"  {label:13} " + " ".join(f"{count:8}" for count in row))
    report_temperature(logits, labels, subjects)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog")
    parser.add_argument("models")
    parser.add_argument("faces")
    parser.add_argument("--aligned", action="store_true")
    parser.add_argument("--float", dest="floats")
    parser.add_argument("--names")
    arguments = parser.parse_args()
    models = face.Models(arguments.catalog, arguments.models)
    floats = face.Models(arguments.catalog, arguments.floats, False) if arguments.floats else None
    names = face.expression_models(models.entries, arguments.names)
    rows, drift, missed = [], [], 0
    for subject, label, picture in read_faces(arguments.faces):
        found = judge(models, names, picture, arguments.aligned)
        if found is None:
            missed += 1
            continue
        rows.append((subject, label, found))
        if floats:
            drift.append(judge(floats, names, picture, arguments.aligned))
    subjects = np.array([row[0] for row in rows])
    labels = np.array([row[1] for row in rows])
    print(f"{len(rows)} faces of {len(set(subjects))} subjects, {missed} without a face found")
    for name in (*names, "combined"):
        logits = np.array([row[2][name] for row in rows])
        report(name, logits, labels, subjects)
        if floats:
            other = np.array([found[name] for found in drift])
            moved = np.abs(np.exp(other) - np.exp(logits)).sum(1) / 2
            same = (other.argmax(1) == logits.argmax(1)).sum()
            print(f"  float: same dominant {same} of {len(rows)}, total variation mean"
                  f" {moved.mean():.4f} max {moved.max():.4f}")


if __name__ == "__main__":
    main()
