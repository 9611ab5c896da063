#!/usr/bin/env python3
"""boothd's voice metrics beside librosa and Praat: one 3 s segment, one thread, processor time.

    python3 -m venv venv
    venv/bin/pip install librosa==0.11.0 praat-parselmouth==0.4.7 soundfile
    venv/bin/python benches/peers/voice.py

Runs `cargo bench --bench speech` first, so that all numbers come from one run on one machine.
"""

import json
import os
import pathlib
import subprocess
import time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"

import librosa
import numpy as np
import parselmouth
import soundfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIP = ROOT / "tests/data/speech/sense_and_sensibility_01_austen_64kb-0890.wav"
RATE_HZ = 16000
ROUNDS = 15


def boothd():
    command = ["cargo", "bench", "--profile", "release", "--bench", "speech", "--"]
    subprocess.run([*command, "--quick", "--noplot"], cwd=ROOT, check=True)
    return json.loads((ROOT / "target/voice_cpu.json").read_text())


def cpu_ms(work):
    work()  # numba compiles
    costs = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        costs.append((time.process_time() - start) * 1e3)
    return float(np.median(costs))


def peers(x):
    f0 = {"fmin": 75, "fmax": 500, "sr": RATE_HZ, "frame_length": 1024, "hop_length": 160}
    frames = {"sr": RATE_HZ, "n_fft": 2048, "hop_length": 512}
    sound = parselmouth.Sound(x.astype(np.float64), RATE_HZ)
    pitch = {"time_step": 0.01, "pitch_floor": 75, "pitch_ceiling": 500}
    return {
        "librosa pyin": cpu_ms(lambda: librosa.pyin(x, **f0)),
        "librosa centroid": cpu_ms(lambda: librosa.feature.spectral_centroid(y=x, **frames)),
        "librosa rms": cpu_ms(lambda: librosa.feature.rms(y=x)),
        "Praat pitch": cpu_ms(lambda: sound.to_pitch_ac(**pitch)),
    }


def main():
    ours = boothd()
    x, rate_hz = soundfile.read(CLIP, dtype="float32", frames=3 * RATE_HZ)
    assert rate_hz == RATE_HZ
    theirs = peers(x)
    for name, value in (ours | theirs).items():
        print(f"{name:32} {value:8.2f}")
    librosa_ms = sum(value for name, value in theirs.items() if name.startswith("librosa"))
    print(f"librosa's three together {librosa_ms:.1f} ms = {librosa_ms / ours['segment_cpu_ms']:.1f} x boothd")


main()
