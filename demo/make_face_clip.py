"""Makes demo/face_640x480.mjpeg: a "talking head" with known motion from one public-domain portrait.

usage: make_face_clip.py astronaut.png OUT
astronaut.png is scikit-image's (package data of PyPI scikit-image). Needs opencv-python-headless, numpy
and ffmpeg. Writes OUT/face_640x480.{mp4,mjpeg,gt.csv}: 240 frames, 15 a second.

Only plane warps: roll, scale and shift are exact ground truth; "yaw" turns the flat picture about its
vertical axis and is no real turn of a head. The last 1.5 s show a plain wall.
"""

import csv
import math
import pathlib
import subprocess
import sys

import cv2
import numpy as np

FPS, DURATION_S, WIDTH, HEIGHT = 15, 16, 640, 480
FACE_X, FACE_Y = 223.0, 120.0  # centre of the face in the portrait, px
FOCAL_PX = 900.0
COLUMNS = "frame,t_s,segment,roll_deg,scale,cx_px,cy_px,persp_yaw_deg,face_visible".split(",")


def motion_at(t):
    """Segment name, roll (deg), scale, shift x, shift y (px), perspective yaw (deg)."""
    wave = lambda start: math.sin(2 * math.pi * (t - start) / 3)
    if t < 4:
        return "steady", 0.0, 1.3, 0.0, 0.0, 0.0
    if t < 7:
        return "roll", 20 * wave(4), 1.3, 0.0, 0.0, 0.0
    if t < 10:
        return "scale_shift", 0.0, 1.3 + 0.35 * wave(7), 60 * wave(7), 0.0, 0.0
    if t < 13:
        return "persp_yaw", 0.0, 1.3, 0.0, 0.0, 25 * wave(10)
    if t < 14.5:
        dx, dy = 18 * math.sin(2 * math.pi * 3 * t), 12 * math.cos(2 * math.pi * 4 * t)
        return "shaky", 6 * math.sin(2 * math.pi * 2.5 * t), 1.3, dx, dy, 0.0
    return "away", 0.0, 1.3, 0.0, 0.0, 0.0


def warp(portrait, roll_deg, scale, dx, dy, yaw_deg):
    a, y = math.radians(roll_deg), math.radians(yaw_deg)
    to_face = np.array([[1, 0, -FACE_X], [0, 1, -FACE_Y], [0, 0, 1.0]])
    grow = np.diag([scale, scale, 1.0])
    turn = np.array(
        [[math.cos(y), 0, 0], [0, 1, 0], [-math.sin(y) / FOCAL_PX * scale, 0, 1.0]]
    )
    roll = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1.0]])
    place = np.array([[1, 0, WIDTH / 2 + dx], [0, 1, HEIGHT * 0.42 + dy], [0, 0, 1.0]])
    matrix = place @ roll @ turn @ grow @ to_face
    return cv2.warpPerspective(
        portrait, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def plain_wall():
    grey = np.linspace(150, 95, HEIGHT)[:, None] + np.linspace(-12, 12, WIDTH)[None, :]
    return np.dstack([grey + 6, grey, grey - 6]).clip(0, 255).astype(np.uint8)


def main(portrait, out):
    portrait, out, wall = cv2.imread(portrait), pathlib.Path(out), plain_wall()
    out.mkdir(parents=True, exist_ok=True)
    mp4, mjpeg = out / "face_640x480.mp4", out / "face_640x480.mjpeg"
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS)]
    target = ["-c:v", "libx264", "-crf", "23", "-pix_fmt", "yuv420p", str(mp4)]
    encoder = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", *source, "-i", "-", *target], stdin=subprocess.PIPE
    )
    with open(out / "face_640x480.gt.csv", "w", newline="") as file:
        truth = csv.writer(file)
        truth.writerow(COLUMNS)
        for n in range(FPS * DURATION_S):
            t = n / FPS
            segment, roll, scale, dx, dy, yaw = motion_at(t)
            visible = segment != "away"
            frame = warp(portrait, roll, scale, dx, dy, yaw) if visible else wall
            truth.writerow([
                n, f"{t:.3f}", segment, f"{roll:.2f}", f"{scale:.3f}", f"{WIDTH / 2 + dx:.1f}",
                f"{HEIGHT * 0.42 + dy:.1f}", f"{yaw:.2f}", int(visible),
            ])
            encoder.stdin.write(frame.tobytes())
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit("ffmpeg failed")
    jpeg = ["-q:v", "5", "-pix_fmt", "yuvj420p", "-f", "mjpeg", str(mjpeg)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(mp4), *jpeg], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
