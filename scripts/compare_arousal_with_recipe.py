#!/usr/bin/env python3
"""Compares boothd's arousal with the recipe it follows, feature by feature and as AUC.

    apt-get install espeak-ng                       # only to make the stand-in
    python3 -m venv venv && venv/bin/pip install numpy scipy soundfile praat-parselmouth
    venv/bin/python scripts/compare_arousal_with_recipe.py target/release/boothd /tmp/acted

A folder that does not exist is filled with a stand-in for acted speech: espeak-ng's voices, whose
pitch, level and spectral tilt move with a hidden arousal and at random. It is the same on each run
(with the same espeak-ng). It has the layout in which real acted speech can be put, too:

    FOLDER/SPEAKER/{neutral,low,high}/*.wav         mono, any rate; neutral: 18 s at least

The recipe (after Bone, Lee & Narayanan 2014, "Robust unsupervised arousal rating"), an utterance:
  f0     log2 of the median of Praat's "To Pitch (ac)", 75-500 Hz, 10 ms;
  level  mean level, dB of full scale, of the 25 ms frames within 25 dB of the loudest, every 10 ms;
  hf500  log10 of the energy from 500 Hz up against that of 80-500 Hz, over the 25 ms Hann frames in
         which Praat's pitch is voiced; a bin on an edge counts on either side with its share;
each as a z-score against the speaker's own neutral utterances, averaged. It is given the sound
without rumble, as boothd measures it (a high-pass at 25 Hz: what lies below is no voice, and lifts
pauses into those 25 dB), cut to whole 10 ms, so that Praat's frames lie where boothd's do. How much
of the recipe's own answer hangs on such things is printed as well: with the rumble, with frames of
20 and of 40 ms, and with the sound begun 5 ms later.

    venv/bin/python scripts/compare_arousal_with_recipe.py --recipe-of FILE.wav...

prints the recipe's three features of sounds, as tests/data/speech/arousal.json has them.

boothd: an utterance alone, as one segment (its three features: `analyze --tracks`); then each
speaker's session, the neutral utterances first, the others in random order with a pause between,
as the daemon hears it: segments of 3 s every second. Of an utterance count the reports whose
segment ends from 1 s after its start to 1 s after its end, but before the next begins: their mean,
and the last of them.

Differences are those of the pitch in Hz, of the level as an amplitude and of the energy ratio, in
per cent of the recipe's; a logarithm may be 0.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
from scipy import signal, stats

try:
    import parselmouth
except ImportError:
    sys.exit("needs praat-parselmouth: the recipe's pitch is Praat's")

RATE_HZ = 16000
STEP = RATE_HZ // 100
GROUPS = ("neutral", "low", "high")
FEATURES = ("f0", "level", "hf500")

# -- the stand-in --------------------------------------------------------------------------------

VOICES = [
    "en-gb+m1", "en-us+m2", "en-gb-scotland+m3", "en-us+m5", "en-gb-x-rp+m7",
    "en-gb+f1", "en-us+f2", "en-gb-scotland+f3", "en-us+f4", "en-gb-x-rp+f5",
]  # fmt: skip
SENTENCES = [
    "I have worked in a team of five for about three years.",
    "Well, the hardest part was to tell them the truth.",
    "We had to finish everything before the end of March.",
    "Could you say that again, please?",
    "My first job was in a small shop near the harbour.",
    "Nobody knew who had opened the door.",
    "It is not the money, it is what you do all day.",
    "She asked me to wait outside, and I did.",
    "They were late, so we began without them.",
    "That was the best week of the whole summer.",
    "I usually write down what I want to say.",
    "No, I would never do that a second time.",
    "The train stopped twice between two villages.",
    "Give me a moment to think about it.",
    "My brother builds houses, and I draw them.",
    "We lost the first game and won all the others.",
]


def speak(voice, pitch, text):
    with tempfile.NamedTemporaryFile(suffix=".wav") as out:
        command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", "165", "-w", out.name, text]
        subprocess.run(command, check=True)
        samples, rate_hz = soundfile.read(out.name)
    samples = signal.resample_poly(samples, RATE_HZ, rate_hz)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[max(loud[0] - 400, 0) : loud[-1] + 1600]


def tilt(samples, tilt_db):
    """Raises all from 700 Hz up by so much against all up to 350 Hz."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    share = np.clip(np.log2(np.maximum(hz, 1) / 350), 0, 1)
    return np.fft.irfft(spectrum * 10 ** (share * tilt_db / 20), len(samples))


def make_stand_in(folder, seed):
    """Ten speakers; 12 neutral utterances of each, 15 of low and 15 of high arousal."""
    for number, voice in enumerate(VOICES):
        random = np.random.default_rng(number + 100 * seed)
        usual_pitch = random.integers(35, 50)
        # How far each feature of this speaker follows arousal: nobody shows it in all alike.
        follows = random.uniform([4, 0.5, 0.5], [14, 4, 4])
        for group in GROUPS:
            (folder / voice / group).mkdir(parents=True)
            for index in range(12 if group == "neutral" else 15):
                mean = {"neutral": 0.0, "low": -0.9, "high": 0.9}[group]
                arousal = random.normal(mean, 0.1 if group == "neutral" else 0.6)
                by = arousal * follows + random.normal(0, [4, 1.5, 1.5])
                text = SENTENCES[random.integers(len(SENTENCES))]
                if random.random() < 0.3:
                    text += " " + SENTENCES[random.integers(len(SENTENCES))]
                pitch = int(np.clip(usual_pitch + by[0], 0, 99))
                samples = tilt(speak(voice, pitch, text), by[2])
                # The level is what the speaker changes, not what a tilt adds.
                samples *= 10 ** ((-27 + by[1]) / 20) / np.sqrt(np.mean(samples**2))
                samples += random.normal(0, 10 ** (-70 / 20), len(samples))
                path = folder / voice / group / f"{index:02}.wav"
                soundfile.write(path, samples.clip(-1, 1), RATE_HZ, "PCM_16")


# -- the recipe ----------------------------------------------------------------------------------


def read(path):
    samples, rate_hz = soundfile.read(path)
    return samples if rate_hz == RATE_HZ else signal.resample_poly(samples, RATE_HZ, rate_hz)


def frames_of(samples, centres, length):
    """A frame of so many samples round each centre that has one whole."""
    starts = centres - length // 2
    whole = (starts >= 0) & (starts + length <= len(samples))
    return samples[starts[whole, None] + np.arange(length)]


def shares(from_hz, to_hz, size=2048):
    """How much of each bin of a transform lies between two frequencies."""
    edges = (np.arange(size // 2 + 2) - 0.5) * RATE_HZ / size
    inside = np.minimum(edges[1:], to_hz) - np.maximum(edges[:-1], from_hz)
    return (inside * size / RATE_HZ).clip(0, 1)


def without_rumble(samples):
    """A Butterworth high-pass of the second order, as the "Audio EQ cookbook" has it."""
    w = 2 * np.pi * 25 / RATE_HZ
    alpha = np.sin(w) / np.sqrt(2)
    b = np.array([1, -2, 1]) * (1 + np.cos(w)) / 2
    return signal.lfilter(b, [1 + alpha, -2 * np.cos(w), 1 - alpha], samples - samples.mean())


def recipe(samples, length=400, rumbles=False):
    samples = samples - samples.mean() if rumbles else without_rumble(samples)
    samples = samples[: len(samples) // STEP * STEP]
    sound = parselmouth.Sound(samples, RATE_HZ)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500)
    f0 = pitch.selected_array["frequency"]
    voiced = np.round(pitch.xs()[f0 > 0] * RATE_HZ).astype(int)

    centres = np.arange(0, len(samples), STEP)
    powers = np.mean(frames_of(samples, centres, length) ** 2, axis=1)
    levels = 10 * np.log10(powers.clip(1e-10))

    spectra = frames_of(samples, voiced, length) * np.hanning(length)
    energy = (np.abs(np.fft.rfft(spectra, 2048)) ** 2).sum(axis=0)
    low, high = energy @ shares(80, 500), energy @ shares(500, RATE_HZ / 2)
    return np.array([
        np.log2(np.median(f0[f0 > 0])),
        levels[levels >= levels.max() - 25].mean(),
        np.log10(high / low),
    ])  # fmt: skip


def z(values, neutral):
    if values is None or len(neutral) < 2:
        return np.nan
    return ((values - neutral.mean(axis=0)) / neutral.std(axis=0)).mean()


# -- boothd --------------------------------------------------------------------------------------


def analyze(boothd, path, *more):
    command = [boothd, *more[1:], "analyze", "--audio", path, "--json", *more[0]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line for line in map(json.loads, lines.splitlines()) if line["kind"] == "audio"]


def features_by_boothd(boothd, path):
    """Of the whole utterance as one segment; `None` where it says nothing."""
    lines = analyze(boothd, path, ["--tracks"], "--set", "audio.segment_ms=30000")
    found = lines and lines[0].get("arousal_features")
    if not found:
        return None
    return np.array([found[k] for k in ("log2_f0_median", "level_db", "log10_hf500")])


def session(boothd, sounds, pause_s, random):
    """Arousal of each utterance that is not neutral: (group, name, mean and last report)."""
    told = [(group, name) for group, name in sounds if group != "neutral"]
    random.shuffle(told)
    order = [key for key in sounds if key[0] == "neutral"] + [tuple(key) for key in told]
    pieces, spans, at = [], [], 0.0
    for key in order:
        pause = random.normal(0, 10 ** (-70 / 20), int(pause_s * RATE_HZ))
        spans.append((at, at + len(sounds[key]) / RATE_HZ))
        pieces += [sounds[key], pause]
        at = spans[-1][1] + pause_s
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        soundfile.write(wav.name, np.concatenate(pieces).clip(-1, 1), RATE_HZ, "PCM_16")
        lines = analyze(boothd, wav.name, ["--hop-ms", "1000"])
    ends = np.array([(line["media_ms"] + line["segment_ms"]) / 1000 for line in lines])
    reports = np.array([line["arousal"] for line in lines], dtype=float)
    for (group, name), (start, end) in zip(order, spans):
        if group != "neutral":
            inside = reports[(ends >= start + 1) & (ends < end + min(pause_s, 1))]
            inside = inside[np.isfinite(inside)]
            yield group, name, inside.mean() if len(inside) else np.nan, (
                inside[-1] if len(inside) else np.nan
            )


# -- both ----------------------------------------------------------------------------------------


def auc(groups, values):
    groups, values = np.array(groups), np.array(values, dtype=float)
    known = np.isfinite(values)
    high, low = values[known & (groups == "high")], values[known & (groups == "low")]
    if not len(high) or not len(low):
        return np.nan
    return stats.mannwhitneyu(high, low).statistic / (len(high) * len(low))


def relative(ours, recipes):
    """Per cent, in what the logarithms are of."""
    log2_f0, level_db, log10_hf500 = (ours - recipes).T
    ratios = 2.0**log2_f0, 10 ** (level_db / 20), 10**log10_hf500
    return 100 * np.abs(np.array(ratios).T - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("boothd", nargs="?")
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--seed", type=int, default=0, help="another stand-in")
    parser.add_argument("--recipe-of", type=pathlib.Path, nargs="+", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.recipe_of:
        found = {path.stem: [round(float(f), 4) for f in recipe(read(path))]
                 for path in arguments.recipe_of}  # fmt: skip
        lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in found.items()]
        print("{\n" + ",\n".join(lines) + "\n}")
        return
    folder = arguments.folder
    if not arguments.boothd or not folder:
        parser.error("needs boothd and a folder")
    if not folder.exists():
        make_stand_in(folder, arguments.seed)
    speakers = {}
    for path in sorted(folder.glob("*/*/*.wav")):
        speakers.setdefault(path.parts[-3], {})[path.parts[-2], path.name] = read(path)

    pairs = []
    others = {
        "recipe, rumble": lambda samples: recipe(samples, rumbles=True),
        "recipe, 20 ms": lambda samples: recipe(samples, 320),
        "recipe, 40 ms": lambda samples: recipe(samples, 640),
        "recipe, 5 ms on": lambda samples: recipe(samples[STEP // 2 :]),
    }
    rows = {"boothd": pairs} | {name: [] for name in others}
    labels, routes = [], {"recipe, an utterance": [], "features of boothd, an utterance": []}
    for speaker, sounds in speakers.items():
        theirs = {key: recipe(samples) for key, samples in sounds.items()}
        ours = {key: features_by_boothd(arguments.boothd, folder / speaker / key[0] / key[1])
                for key in sounds}  # fmt: skip
        known = [key for key in sounds if ours[key] is not None]
        pairs += [(ours[key], theirs[key]) for key in known]
        for name, other in others.items():
            rows[name] += [(other(sounds[key]), theirs[key]) for key in known]
        for key in sounds:
            if key[0] != "neutral":
                labels.append((speaker, *key))
                for route, of in zip(routes.values(), (theirs, ours)):
                    its = [of[key] for key in of if key[0] == "neutral" and of[key] is not None]
                    route.append(z(of[key], np.array(its)))
    print(f"{len(speakers)} speakers, {sum(map(len, speakers.values()))} utterances, "
          f"{len(pairs)} of them with features by boothd")  # fmt: skip
    for name, values in rows.items() if pairs else ():
        values = np.array(values)
        difference = relative(values[:, 0], values[:, 1])
        bias = (values[:, 0] - values[:, 1]).mean(axis=0)
        for k, feature in enumerate(FEATURES):
            print(f"{name:15} {feature:6} median {np.median(difference[:, k]):6.2f} %, "
                  f"95th {np.percentile(difference[:, k], 95):6.2f} %, "
                  f"mean of the logarithms {bias[k]:+.4f}")  # fmt: skip
    groups = [group for _, group, _ in labels]
    for name, values in routes.items():
        print(f"AUC {auc(groups, values):.3f} {name}")
    for pause_s in (0.5, 3.0):
        found = {}
        for number, (speaker, sounds) in enumerate(speakers.items()):
            random = np.random.default_rng(1000 + number)
            for group, name, *values in session(arguments.boothd, sounds, pause_s, random):
                found[speaker, group, name] = values
        for k, name in enumerate(("mean of the reports", "last report")):
            values = [found[label][k] for label in labels]
            missing = int(np.isnan(values).sum())
            print(f"AUC {auc(groups, values):.3f} session, pauses of {pause_s} s, {name} "
                  f"({missing} of {len(values)} without)")  # fmt: skip


if __name__ == "__main__":
    main()
