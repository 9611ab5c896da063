#!/usr/bin/env python3
"""Compares the WAVs of tests/decode_wav.rs, and what they hold by definition, with libsndfile.

    mkdir /tmp/wavs && WAV_MATRIX=/tmp/wavs cargo test --release --test decode_wav
    python3 scripts/compare_wavs_with_libsndfile.py /tmp/wavs      # needs soundfile and numpy
"""

import collections
import pathlib
import re
import sys

import numpy as np
import soundfile as sf

verdicts = collections.defaultdict(list)
for wav in sorted(pathlib.Path(sys.argv[1]).glob("*.wav")):
    expected = np.frombuffer(wav.with_suffix(".s16le").read_bytes(), "<i2").astype(int)
    try:
        sound, _ = sf.read(wav, dtype="float64", always_2d=True)
    except (sf.LibsndfileError, RuntimeError) as err:
        verdicts[f"refused by libsndfile: {str(err).split(':')[-1].strip()}"].append(wav.stem)
        continue
    mono = sound.mean(axis=1) * 32768
    mono = np.clip(np.trunc(mono + np.copysign(0.5, mono)), -32768, 32767).astype(int)
    if len(mono) != len(expected):
        verdicts["another length in libsndfile"].append(wav.stem)
    elif np.abs(mono - expected).max(initial=0) > (0 if "_1ch_" in wav.stem else 1):
        verdicts["other samples in libsndfile"].append(wav.stem)
    else:
        verdicts["as libsndfile"].append(wav.stem)
print(sf.__libsndfile_version__)
for verdict, names in verdicts.items():
    kinds = sorted({re.sub(r".*ch_(\w+)_cut.*", r"\1", name) for name in names})
    print(f"{len(names):5} {verdict} ({', '.join(kinds)})")
sys.exit("other samples in libsndfile" in verdicts)
