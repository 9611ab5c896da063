#!/usr/bin/env python3
"""How well boothd reads gaze, eye contact and head pose: evaluate_gaze.py BOOTHD DIR [--config FILE]

DIR/truth.csv (gaze of faces, angles relative to the camera's axis, yaw positive to the picture's
right): image, gaze_yaw_deg, gaze_pitch_deg, gaze_cam_angle_deg, eyelid_closure (0 open .. 4 shut).
Each face is enlarged 2.5 times, laid on a grey wall of 640x480, and mirrored too.
DIR/pose.csv (turns of a head): image, yaw_deg, pitch_deg, roll_deg, R (head to camera, x right, y
up, z to the camera). The zero of the head is the mean turn between answer and truth within 30
degrees of yaw.
Every picture is analysed twice: the first look is what a single picture gives, the second what a
face gives that is followed. Needs Pillow and NumPy.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

CONTACT_DEG, AWAY_DEG, SIDEWAYS_DEG = 12, 18, 30


def looks(boothd, picture):
    """The reports of a picture's first and second look."""
    with tempfile.TemporaryDirectory() as folder:
        for k in range(2):
            picture.save(pathlib.Path(folder) / f"{k}.png")
        command = [*boothd, "analyze", "--video", folder, "--video-fps", "10", "--json"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    reports = [json.loads(line) for line in lines]
    return [r.get("data", r) for r in reports if "head_pose" in r.get("data", r)][:2]


def on_the_wall(face):
    wall = Image.new("RGB", (640, 480), (128, 128, 128))
    side = round(face.width * 2.5)
    at = ((640 - side) // 2, (480 - side) // 2)
    wall.paste(face.resize((side, side), Image.Resampling.BILINEAR), at)
    return wall


def direction(yaw_deg, pitch_deg):
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    return np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])


def between_deg(a, b):
    return np.degrees(np.arccos(np.clip(a @ b, -1, 1)))


def share(truths):
    return f"{100 * np.mean(truths):.0f} % of {len(truths)}" if truths else "none"


def judge_gaze(name, rows, reports, sign):
    known, off, far = [], [], []
    for row, report in zip(rows, reports):
        if report is None or report["gaze"] is None:
            continue
        gaze = report["gaze"]
        # boothd's yaw is positive to the left.
        seen = direction(-gaze["yaw_deg"], gaze["pitch_deg"])
        truth = direction(sign * float(row["gaze_yaw_deg"]), float(row["gaze_pitch_deg"]))
        known.append(row)
        off.append(between_deg(seen, truth))
        far.append((seen, report["eye_contact"], report.get("eye_contact_probability")))
    angle = [float(row["gaze_cam_angle_deg"]) for row in known]
    ranks = [p if p is not None else -between_deg(s, direction(0, 0)) for s, _, p in far]
    near = [r for r, a in zip(ranks, angle) if a <= CONTACT_DEG]
    others = [r for r, a in zip(ranks, angle) if a > CONTACT_DEG]
    auc = np.mean([(n > o) + (n == o) / 2 for n in near for o in others]) if near and others else np.nan
    is_open = [e for e, row in zip(off, known) if int(row["eyelid_closure"]) <= 2]
    made = [contact for _, contact, _ in far]
    print(f"{name}: {len(known)} of {len(rows)} with a gaze, error {np.mean(off):.1f} deg, of open eyes "
          f"{np.mean(is_open):.1f}; contact: AUC {auc:.3f}, within {CONTACT_DEG} deg "
          f"{share([m for m, a in zip(made, angle) if a <= CONTACT_DEG])}, beyond {AWAY_DEG} deg "
          f"{share([m for m, a in zip(made, angle) if a > AWAY_DEG])}")
    for low in np.arange(0, 1, 0.2):
        inside = [(p, a <= CONTACT_DEG) for (_, _, p), a in zip(far, angle)
                  if p is not None and low <= p < low + 0.2]
        if inside:
            p, truth = np.mean(inside, axis=0)
            print(f"    probability {low:.1f}..{low + 0.2:.1f}: {len(inside)} faces, mean {p:.2f}, true {truth:.2f}")


def evaluate_gaze(boothd, folder):
    rows = list(csv.DictReader(open(folder / "truth.csv")))
    yaws = []
    for sign, name in ((1, "as they are"), (-1, "mirrored")):
        found = []
        for row in rows:
            wall = on_the_wall(Image.open(folder / row["image"]).convert("RGB"))
            if sign < 0:
                wall = wall.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            found.append((looks(boothd, wall) + [None, None])[:2])
        for k, look in enumerate(("first look", "followed")):
            judge_gaze(f"{name}, {look}", rows, [pair[k] for pair in found], sign)
        yaws.append([pair[1]["gaze"]["yaw_deg"] if pair[1] and pair[1]["gaze"] else np.nan for pair in found])
    both = np.sum(yaws, axis=0)
    print(f"yaw and its mirror image: sum {np.nanmean(both):.1f} deg in the mean, {np.nanmedian(np.abs(both)):.1f} median size")


def rotation(pose):
    yaw, pitch, roll = (-np.radians(pose[name]) for name in ("yaw_deg", "pitch_deg", "roll_deg"))
    (sy, cy), (sp, cp), (sr, cr) = ((np.sin(a), np.cos(a)) for a in (yaw, pitch, roll))
    return (np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
            @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
            @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]))


def turn_deg(a, b):
    return np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1)))


def evaluate_pose(boothd, folder):
    rows = list(csv.DictReader(open(folder / "pose.csv")))
    found = [(looks(boothd, Image.open(folder / row["image"]).convert("RGB")) + [None, None])[:2] for row in rows]
    for k, look in enumerate(("first look", "followed")):
        known = [(row, pair[k]["head_pose"]) for row, pair in zip(rows, found) if pair[k] and pair[k]["head_pose"]]
        seen = [rotation(pose) for _, pose in known]
        truth = [np.array(row["R"].split(), float).reshape(3, 3) for row, _ in known]
        frontal = [abs(float(row["yaw_deg"])) <= SIDEWAYS_DEG for row, _ in known]
        u, _, v = np.linalg.svd(sum(t.T @ s for t, s, f in zip(truth, seen, frontal) if f))
        zero = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
        errors = [turn_deg(s, t @ zero) for s, t in zip(seen, truth)]
        within, beyond = ([e for e, f in zip(errors, frontal) if f == side] for side in (True, False))
        print(f"head pose, {look}: {len(known)} of {len(rows)}, error {np.mean(within):.1f} deg within "
              f"{SIDEWAYS_DEG} degrees of yaw, {np.mean(beyond):.1f} beyond")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boothd")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--config")
    arguments = parser.parse_args()
    boothd = [arguments.boothd] + (["--config", arguments.config] if arguments.config else [])
    if (arguments.dir / "truth.csv").exists():
        evaluate_gaze(boothd, arguments.dir)
    if (arguments.dir / "pose.csv").exists():
        evaluate_pose(boothd, arguments.dir)


if __name__ == "__main__":
    main()
