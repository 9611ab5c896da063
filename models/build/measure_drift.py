"""How far the shipped models drift from the float ones they were made of.

usage: measure_drift.py CATALOG.toml QUANTIZED FLOAT CLIP.mjpeg SPEECH.wav [SPEECH.wav ...]
QUANTIZED and FLOAT are folders that build.sh made. Prints one line for each measure; both models
always see the same crop, so that a drift is the model's own.
"""

import pathlib
import sys
import wave

import cv2
import face_pipeline as face
import numpy as np

VAD_SAMPLES, VAD_CONTEXT = 512, 64


def read_clip(path):
    data = pathlib.Path(path).read_bytes()
    parts = data.split(b"\xff\xd8\xff")[1:]
    for part in parts:
        jpeg = np.frombuffer(b"\xff\xd8\xff" + part, np.uint8)
        yield cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def say(name, values, unit):
    values = np.asarray(values)
    spread = f"mean {values.mean():.4f}  p95 {np.percentile(values, 95):.4f}  max {values.max():.4f}"
    print(f"{name:34} {spread}  {unit}  n {values.size}")


def measure_detector(quantized, floats, pictures):
    detect = lambda models, picture: face.detect(models.face_detector, picture)[:1]
    both = [(detect(floats, picture), detect(quantized, picture)) for picture in pictures]
    seen = [pair for pair in both if pair[0]]
    kept = [pair for pair in seen if pair[1]]
    extra = sum(1 for f, q in both if q and not f)
    print(f"detector: {len(kept)} of {len(seen)} faces kept, {extra} added, in {len(both)} frames")
    say("detector, 1 - IoU", [1 - face.iou(f[0][1], q[0][1]) for f, q in kept], "")
    say("detector, score", [abs(f[0][0] - q[0][0]) for f, q in kept], "")
    return [f[0] if f else None for f, _ in both]


def measure_face(quantized, floats, pictures, detections):
    moved_all, moved_worst, irises, kept_presence = [], [], [], 0
    shift, same = {name: [] for name in (*face.expression_models(quantized.entries), "combined")}, {}
    for picture, detection in zip(pictures, detections):
        if detection is None:
            continue
        square = face.next_crop(face.follow_face(floats, picture, detection)[0])
        a, presence_a = face.find_landmarks(floats, picture, square)
        b, presence_b = face.find_landmarks(quantized, picture, square)
        kept_presence += (presence_a > 0) == (presence_b > 0)
        moved = np.hypot(*(a - b).T) / face.inter_ocular_px(a) * 100
        moved_all.append(moved[:468].mean())
        moved_worst.append(moved[:468].max())
        irises.append(moved[[468, 473]].mean())
        p, q = (distributions(m, picture, a) for m in (floats, quantized))
        for name in shift:
            shift[name].append(np.abs(p[name] - q[name]).sum() / 2)
            same[name] = same.get(name, 0) + (p[name].argmax() == q[name].argmax())
    say("landmarks, mean of the points", moved_all, "% of inter-ocular")
    say("landmarks, worst point", moved_worst, "% of inter-ocular")
    say("iris centres", irises, "% of inter-ocular")
    print(f"presence verdict the same on {kept_presence} of {len(moved_all)}")
    for name in shift:
        say(f"{name}, total variation", shift[name], "")
        print(f"{name}: same dominant on {same[name]} of {len(moved_all)}")


def distributions(models, picture, mesh):
    log_p = {}
    for name in face.expression_models(models.entries):
        settings = models.entries[name]["picture"]
        square = face.expression_square(mesh, settings)
        log_p[name] = face.expression(getattr(models, name), settings, picture, square)
    found = {name: np.exp(values) for name, values in log_p.items()}
    found["combined"] = face.combine(log_p, models.entries)
    return found


def voice_probabilities(model, samples):
    padded = np.concatenate([np.zeros(VAD_CONTEXT, np.float32), samples])
    starts = range(0, len(samples) - VAD_SAMPLES + 1, VAD_SAMPLES)
    chunks = np.stack([padded[start : start + VAD_CONTEXT + VAD_SAMPLES] for start in starts])
    state = np.zeros((1, 1, 128), np.float32)
    return face.run(model, chunks, state, state)[0].reshape(-1)


def measure_voice(quantized, floats, paths):
    drift, flips = [], 0
    for path in paths:
        with wave.open(path) as sound:
            raw = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        samples = raw.astype(np.float32) / 32768
        a, b = (voice_probabilities(m.voice_activity, samples) for m in (floats, quantized))
        drift.append(np.abs(a - b))
        flips += int(((a > 0.5) != (b > 0.5)).sum())
    drift = np.concatenate(drift)
    say("voice activity, probability", drift, "")
    print(f"voice activity: {flips} of {drift.size} decisions at 0.5 differ")


def main(catalog, quantized, floats, clip, *speech):
    quantized, floats = face.Models(catalog, quantized), face.Models(catalog, floats, False)
    pictures = list(read_clip(clip))
    detections = measure_detector(quantized, floats, pictures)
    measure_face(quantized, floats, pictures, detections)
    if speech:
        measure_voice(quantized, floats, speech)


if __name__ == "__main__":
    main(*sys.argv[1:])
