#!/usr/bin/env python3
"""Instructions that boothd executes for a picture and for a segment of sound, under qemu-user.

    scripts/cross.sh build --release --locked
    benches/arm64/count.py target/cross/aarch64-unknown-linux-gnu/release/boothd
    benches/arm64/count.py target/release/boothd        # the same on an emulated x86-64 with AVX2

`boothd analyze` runs on a short and on a longer cut of the demo; start and models cancel out in the
difference. Every picture gets everything: detector as tracking wants it, mesh, both irises, pose,
gaze, both expression models (no reuse). Counts, not times: an emulator's time is meaningless.
"""

import pathlib
import subprocess
import sys
import tempfile
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "benches/arm64"
FRAMES = (10, 30)
SECONDS = (3, 9)


def emulator(program):
    machine = program.read_bytes()[18]
    if machine == 0xB7:
        return ["qemu-aarch64", "-cpu", "cortex-a72"]
    return ["qemu-x86_64", "-cpu", "max"]


def count(program, plugin, arguments):
    boothd = [program, "--data-dir", ROOT, "--set", "vision.expression_cache_ms=0", "analyze"]
    command = [*emulator(program), "-plugin", plugin, "-d", "plugin", *boothd, *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}:\n{done.stderr}")
    lines = (done.stdout + done.stderr).splitlines()
    return int(next(line for line in lines if line.startswith("instructions: ")).split()[1])


def pictures(folder, number):
    """The first pictures of the clip; each begins with the marker for the start of an image."""
    parts = (ROOT / "demo/face_640x480.mjpeg").read_bytes().split(b"\xff\xd8\xff")[1:]
    path = folder / f"{number}.mjpeg"
    path.write_bytes(b"".join(b"\xff\xd8\xff" + part for part in parts[:number]))
    return ["--video", path, "--video-fps", "15"]


def sound(folder, seconds):
    path = folder / f"{seconds}.wav"
    with wave.open(str(ROOT / "demo/speech_16k.wav")) as whole, wave.open(str(path), "wb") as cut:
        cut.setparams(whole.getparams())
        cut.writeframes(whole.readframes(whole.getframerate() * seconds))
    return ["--audio", path]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        plugin = folder / "instructions.so"
        subprocess.check_call(["cc", "-shared", "-fPIC", "-O2", "-o", plugin, HERE / "instructions.c"])
        few, many = (count(program, plugin, pictures(folder, n)) for n in FRAMES)
        print(f"a picture: {(many - few) / (FRAMES[1] - FRAMES[0]) / 1e6:.1f} million", flush=True)
        few, many = (count(program, plugin, sound(folder, n)) for n in SECONDS)
        print(f"a segment of 3 s: {(many - few) / ((SECONDS[1] - SECONDS[0]) / 3) / 1e6:.1f} million")


main()
