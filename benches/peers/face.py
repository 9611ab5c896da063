"""What the same work on a frame costs in Python: the peer that `boothd bench` is held against.

For each 640x480 JPEG of the clip: decode (OpenCV), MediaPipe FaceMesh with refined landmarks in
its tracking mode, the expression model of PyPI `fer` on the face box through that package's own
code, once by Keras (`frame`) and once by TensorFlow Lite, its default since 25.10
(`frame_tflite`). Everything runs on one core with one thread; CPU time is the process's,
over all threads, so that nothing hides in MediaPipe's pool.

usage: face.py [--clip CLIP.mjpeg] [--boothd PATH] [--core N]
Prints one JSON object; with --boothd also the output of `PATH bench --json` and the ratios. The clip is
cut into parts and boothd runs before each, since a shared machine's speed changes within seconds:
a ratio is the median over the parts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
LOST_FRAMES_MAX_RATIO = 0.15  # the clip ends with an empty wall
PARTS = 8


def limit_to_one_core(core):
    """Must come before the libraries are imported: they read the environment then."""
    os.sched_setaffinity(0, {core})
    for name in ("OMP", "OPENBLAS", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        suffix = "_THREADS" if name.startswith("TF") else "_NUM_THREADS"
        os.environ[name + suffix] = "1"
    os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3", GLOG_minloglevel="2")


def read_jpegs(path):
    """The pictures of an MJPEG file: from each start-of-image marker to the next."""
    data = path.read_bytes()
    starts = []
    at = data.find(b"\xff\xd8\xff")
    while at >= 0:
        starts.append(at)
        at = data.find(b"\xff\xd8\xff", at + 3)
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)])]


def rss_mb():
    status = pathlib.Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


def summary(cpu_s, wall_s):
    walls = sorted(wall_s)
    return {
        "cpu_ms_median": round(statistics.median(cpu_s) * 1e3, 2),
        "wall_ms_p50": round(statistics.median(walls) * 1e3, 2),
        "wall_ms_p95": round(walls[int(0.95 * (len(walls) - 1))] * 1e3, 2),
        "n": len(walls),
    }


class Stages:
    """CPU and wall times by stage; `lap` closes the stage that began at the last lap."""

    def __init__(self):
        self.times = {}
        self.restart()

    def restart(self):
        self.last = (time.process_time(), time.perf_counter())

    def lap(self, stage):
        now = (time.process_time(), time.perf_counter())
        spent = (now[0] - self.last[0], now[1] - self.last[1])
        self.times.setdefault(stage, []).append(spent)
        self.last = now
        return spent

    def add(self, stage, parts):
        """A stage that is the sum of others."""
        self.times.setdefault(stage, []).append(tuple(map(sum, zip(*parts))))

    def summaries(self):
        return {stage: summary(*zip(*spent)) for stage, spent in self.times.items()}


def face_box(landmarks, width, height):
    xs, ys = [p.x * width for p in landmarks], [p.y * height for p in landmarks]
    x, y = int(min(xs)), int(min(ys))
    return x, y, int(max(xs)) - x, int(max(ys)) - y


def measure(jpegs, before_part):
    rss = {"python": rss_mb()}
    import cv2
    import mediapipe
    import numpy as np

    cv2.setNumThreads(1)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=False, max_num_faces=1, refine_landmarks=True
    )
    from fer.fer import FER

    keras = FER(use_tflite=False)
    tflite = FER(use_tflite=True)
    rss["libraries_and_models"] = rss_mb()

    stages, lost = Stages(), 0
    warm_up = jpegs[:15]
    for number, jpeg in enumerate([*warm_up, *jpegs], -len(warm_up)):
        if number == 0:
            stages, lost = Stages(), 0
        if number >= 0 and number % -(-len(jpegs) // PARTS) == 0:
            before_part(stages)
        stages.restart()
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        shared = [stages.lap("decode")]
        found = mesh.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not found:
            lost += 1
            continue
        shared.append(stages.lap("face_mesh"))
        height, width = picture.shape[:2]
        box = face_box(found[0].landmark, width, height)
        stages.restart()
        keras.detect_emotions(picture, face_rectangles=[box])
        stages.add("frame", [*shared, stages.lap("expression_keras")])
        tflite.detect_emotions(picture, face_rectangles=[box])
        stages.add("frame_tflite", [*shared, stages.lap("expression_tflite")])
    if lost > LOST_FRAMES_MAX_RATIO * len(jpegs):
        raise SystemExit(f"MediaPipe saw no face in {lost} of {len(jpegs)} frames")
    before_part(stages)
    rss["after_the_clip"] = rss_mb()
    return {**stages.summaries(), "frames": len(jpegs), "frames_without_face": lost, "rss_mb": rss}


class Beside:
    """Runs boothd between the parts, and compares each part of the peer with the run before it."""

    WHOLES = ("frame", "frame_tflite", "face_mesh")

    def __init__(self, path):
        self.path = path
        self.result = None
        self.seen = dict.fromkeys(self.WHOLES, 0)
        self.ratios = {whole: [] for whole in self.WHOLES}

    def compare(self, stages):
        for whole in self.WHOLES:
            part = stages.times.get(whole, [])[self.seen[whole] :]
            self.seen[whole] += len(part)
            if part:
                cpu_ms = statistics.median(cpu_s for cpu_s, _ in part) * 1e3
                self.ratios[whole].append(cpu_ms / self.result["frame"]["cpu_ms_median"])
        self.result = run_boothd(self.path)

    def summaries(self):
        return {
            f"peer_{whole}_over_boothd_cpu_ratio": round(statistics.median(ratios), 2)
            for whole, ratios in self.ratios.items()
        }


def run_boothd(path):
    """What `boothd bench --json` prints; it inherits the one core."""
    command = [path, "bench", "--rounds", "1", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as cause:
        raise SystemExit(f"{path} cannot be started ({cause}); build boothd or correct --boothd")
    if done.returncode != 0:
        message = done.stderr.strip() or "nothing"
        raise SystemExit(f"`{path} bench --json` exited with {done.returncode}; its message: {message}")
    try:
        result = json.loads(done.stdout)
        result["frame"]["cpu_ms_median"]
    except (ValueError, KeyError, TypeError):
        raise SystemExit(f"`{path} bench --json` printed no JSON with frame.cpu_ms_median")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=pathlib.Path, default=PROJECT / "demo/face_640x480.mjpeg")
    parser.add_argument("--boothd", help="the binary to run beside it")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    limit_to_one_core(arguments.core)
    beside = Beside(arguments.boothd) if arguments.boothd else None
    before_part = beside.compare if beside else lambda stages: None
    result = {"peer": measure(read_jpegs(arguments.clip), before_part)}
    if beside:
        result |= {"boothd": beside.result, **beside.summaries()}
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
