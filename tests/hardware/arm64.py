#!/usr/bin/env python3
"""The arm64 image as far as QEMU's boards go: tests/hardware/arm64.py --image FOLDER

1. `raspi4b`: the board's U-Boot reads its memory and boot.scr from the card, chooses a slot, loads
   its kernel and initial ramdisk. The board's PCIe, network and firmware are not in QEMU.
2. `virt`: that kernel and ramdisk, started by QEMU in U-Boot's place, with the words of boot.cmd; the
   card is a virtio disk. From there on it is the booth's own system, to its first report.
"""
import argparse
import os
import shutil
import subprocess
import time
from pathlib import Path

from booth import TOKEN, Booth, face_and_voice
from guest import BOOT_OFFSET, DISK_BYTES, Failed, Guest, wait_for

CONFIG = f"""
[policy]
profile = "default"
require_consent = false
[booth]
id = "Booth 64"
[web]
bind = "0.0.0.0"
[video]
source = "auto"
[audio]
source = "auto"
[appliance]
token = "{TOKEN}"
"""


class Virt(Guest):
    """QEMU's own board, which has a virtio disk and Debian's drivers for all it has."""

    def machine(self):
        words = ("root=PARTUUID=b007d000-02 rootfstype=squashfs ro rauc.slot=A fsck.repair=yes panic=10 console=ttyAMA0 "
                 "systemd.mask=systemd-networkd-wait-online.service")
        return ["qemu-system-aarch64", "-M", "virt", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "cortex-a72",
                "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initrd.img", "-append", words]


def raspi4b(folder, image):
    """The output of U-Boot until it hands over."""
    card, serial = folder / "card.img", folder / "uboot.log"
    subprocess.run(["cp", "--sparse=always", image, card], check=True)
    os.truncate(card, DISK_BYTES)
    for name in ("u-boot.bin", "bcm2711-rpi-4-b.dtb"):
        subprocess.run(["mcopy", "-o", "-i", f"{card}@@{BOOT_OFFSET}", f"::/{name}", folder / name], check=True)
    serial.unlink(missing_ok=True)
    process = subprocess.Popen(
        ["qemu-system-aarch64", "-M", "raspi4b", "-display", "none", "-kernel", folder / "u-boot.bin",
         "-dtb", folder / "bcm2711-rpi-4-b.dtb", "-drive", f"file={card},if=sd,format=raw",
         "-serial", "null", "-serial", f"file:{serial}"], stdin=subprocess.DEVNULL)
    try:
        wait_for("U-Boot starts the kernel", lambda: serial.exists() and b"Starting kernel" in serial.read_bytes(), 300)
    finally:
        process.kill()
        process.wait()
        card.unlink()
        if serial.exists():
            print(serial.read_bytes().decode(errors="replace"))


def virt(folder, image):
    guest = Virt(folder / "virt", image, None)
    guest.put("booth.toml", CONFIG)
    for name in ("vmlinuz", "initrd.img"):
        guest.take(f"A/{name}", name)
    booth = Booth(guest.web_port)
    start = time.monotonic()
    guest.start()
    try:
        wait_for("the page", lambda: booth.health(), 3600, every_s=2)
        print(f"the page after {time.monotonic() - start:.0f} s")
        face, voice = face_and_voice(booth, 1800)
        print(f"face and voice after {time.monotonic() - start:.0f} s, a picture in {face['processing_time']:.0f} ms, "
              f"a segment in {voice['performance_metrics']['analysis_time_ms']:.0f} ms")
        health, _ = wait_for("healthy", lambda: (h := booth.health()).get("status") == "healthy" and h, 3600)
        print(f"healthy after {time.monotonic() - start:.0f} s: {health['version']}, face {face['face_box']}, "
              f"pitch {voice['pitch_mean']}, board {health.get('board')}")
        if guest.get("PROBLEM.txt") or TOKEN in guest.get("booth.toml"):
            raise Failed("booth.toml was not taken over as it should be")
    except Exception:
        print(guest.last_lines(100))
        raise
    finally:
        guest.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", type=Path, required=True, help="the folder of image/build.sh")
    parser.add_argument("--work", type=Path, default=Path("target/hardware-arm64"))
    parser.add_argument("board", nargs="*", default=["raspi4b", "virt"])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for board in options.board:
        print(f"-- {board}", flush=True)
        {"raspi4b": raspi4b, "virt": virt}[board](options.work, options.image / "boothd-arm64.img")
        print("   ok", flush=True)
    shutil.rmtree(options.work / "virt", ignore_errors=True)


if __name__ == "__main__":
    main()
