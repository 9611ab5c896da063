#!/usr/bin/env python3
"""Makes praat_f0.json and librosa.json from the wav files beside this script.

    python3 -m venv venv
    venv/bin/pip install praat-parselmouth==0.4.7 librosa==0.11.0 soundfile
    venv/bin/python make_goldens.py

praat_f0.json: Praat's "To Pitch (ac)" with its standard settings, 75-500 Hz, one value per 10 ms; and the
mean of 10 log10(r / (1 - r)) over the voiced frames, with r the strength that Praat gives each.
Every sound whose length is a multiple of 10 ms has its values at multiples of 10 ms.
librosa.json: centroid and RMS of every frame, 2048/512, centred, zero padded (librosa's default).
"""

import json
import pathlib

import librosa
import numpy as np
import parselmouth
import soundfile

HERE = pathlib.Path(__file__).parent
RATE_HZ = 16000


def praat(samples):
    pitch = parselmouth.Sound(samples, RATE_HZ).to_pitch_ac(
        time_step=0.01, pitch_floor=75, pitch_ceiling=500
    )
    f0 = pitch.selected_array["frequency"]
    r = pitch.selected_array["strength"][f0 > 0]
    hnr_db = round(float(np.mean(10 * np.log10(r / (1 - r)))), 3) if r.size else None
    return {"first_s": round(pitch.x1, 6), "f0_hz": [round(float(f), 3) for f in f0], "hnr_db": hnr_db}


def spectrum(samples):
    samples = samples.astype(np.float32)
    framing = {"hop_length": 512, "center": True}
    centroid = librosa.feature.spectral_centroid(y=samples, sr=RATE_HZ, n_fft=2048, **framing)
    rms = librosa.feature.rms(y=samples, frame_length=2048, **framing)
    return {
        "centroid_hz": [round(float(c), 3) for c in centroid[0]],
        "rms": [float(f"{r:.7g}") for r in rms[0]],
        "whole_rms": float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))),
    }


def main():
    f0, spectra = {}, {}
    for path in sorted(HERE.glob("*.wav")):
        samples, rate_hz = soundfile.read(path, dtype="float64")
        assert rate_hz == RATE_HZ and samples.ndim == 1
        f0[path.stem] = praat(samples)
        spectra[path.stem] = spectrum(samples)
    for name, golden in (("praat_f0.json", f0), ("librosa.json", spectra)):
        lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in golden.items()]
        (HERE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
