"""What a booth must survive. Each scenario takes a running, healthy guest and leaves one."""
import hashlib
import json
import random
import subprocess
import time
from pathlib import Path

from booth import TOKEN, Booth
from guest import Failed, Guest, wait_for

CLIP_FPS = 5

CONFIG = f"""
[policy]
profile = "default"
require_consent = false
[booth]
id = "Booth 7"
[web]
bind = "0.0.0.0"
[mqtt]
broker = "mqtt://10.0.2.2:MQTT_PORT"
site = "test"
[store]
flush_s = 1.0
[appliance]
token = "{TOKEN}"
"""


class Run:
    """One run of the tests: where things lie, and what came out."""

    def __init__(self, options, folder, broker):
        self.options, self.folder, self.broker = options, folder, broker
        self.results = []
        self.guest = None
        self.booth = None

    def result(self, what, value):
        print(f"   {what}: {value}", flush=True)
        self.results.append((what, value))

    def new_guest(self, name, config=CONFIG, words=""):
        if self.guest:
            self.guest.stop()
        self.guest = Guest(self.folder / name, self.options.image, self.options.tools)
        self.booth = Booth(self.guest.web_port)
        self.guest.kernel_words(words)
        if config:
            self.guest.put("booth.toml", config.replace("MQTT_PORT", str(self.broker.port)))
        self.guest.start()
        return self.guest

    def wait_health(self, what, condition, limit_s):
        """Until /health is so: the answer and the seconds since the call."""
        def asked():
            health = self.booth.health()
            return health if health and condition(health) else None
        return wait_for(what, asked, limit_s, every_s=0.2)

    def plug_in(self):
        """The devices of the booth: a camera that shows the clip, a microphone that hears the speech."""
        self.guest.shell(
            f"lsmod | grep -q ^v4l2loopback || {{ {LOOPBACK}; }}", 300)
        self.feed_camera()
        self.guest.shell("modprobe snd-aloop index=0 id=Loopback pcm_substreams=1", 300)
        self.feed_microphone()

    def feed_camera(self):
        self.guest.shell(f"nohup /run/tools/feed video /dev/video9 /run/tools/face_640x480.mjpeg {CLIP_FPS} "
                         ">/run/feed-video.log 2>&1 & echo $! >/run/feed-video.pid")

    def feed_microphone(self):
        self.guest.shell("nohup /run/tools/feed sound hw:Loopback,1,0 /run/tools/speech_16k.wav "
                         ">/run/feed-sound.log 2>&1 & echo $! >/run/feed-sound.pid")

    def main_pid(self):
        return int(self.guest.shell("systemctl show --value -p MainPID boothd"))


def stage_is(stage, state):
    return lambda health: (health.get(stage) or {}).get("state") == state


def is_without_error(stage):
    return lambda health: stage_is(stage, "running")(health) and not health[stage]["error"]


def is_healthy(health):
    return health.get("status") == "healthy"


def boot(run):
    """From the plug to healthy, without a hand; the first report; the desk hears it."""
    guest = run.new_guest("booth")
    guest.open_shell(1200)
    run.plug_in()
    run.wait_health("boothd answers", lambda health: True, 1200)
    run.result("guest seconds to the page", f"{guest.uptime_s():.0f}")
    face = voice = None
    first = None
    for kind, data in run.booth.reports(1200):
        if kind in ("visual_analysis", "audio_analysis") and first is None:
            first = guest.uptime_s()
            run.result("guest seconds to the first report", f"{first:.0f}")
        if kind == "visual_analysis" and data["face_detected"]:
            face = data
        if kind == "audio_analysis" and data["audio_detected"]:
            voice = data
        if face and voice:
            break
    if not (face and voice):
        raise Failed(f"the clip's face or voice was never seen: {face} {voice}")
    run.result("face of the clip", f"box {face['face_box']}, {face['dominant_emotion']}")
    run.result("voice of the clip", f"pitch {voice['pitch_mean']:.0f} Hz, {voice['emotion']}")
    health, _ = run.wait_health("healthy", is_healthy, 1200)
    run.result("guest seconds to healthy", f"{guest.uptime_s():.0f}")
    run.result("camera, microphone", f"{health['camera']['source']}, {health['microphone']['source']}")
    wait_for("READY=1", lambda: guest.shell("systemctl is-active boothd", check=False) == "active", 300)
    ready_us = int(guest.shell(
        "systemctl show --value -p ActiveEnterTimestampMonotonic boothd"))
    run.result("guest seconds to READY=1", f"{ready_us / 1e6:.0f}")
    text = guest.get("booth.toml")
    if TOKEN in text:
        raise Failed("the token stayed on the boot partition")
    if guest.get("PROBLEM.txt"):
        raise Failed(f"PROBLEM.txt: {guest.get('PROBLEM.txt')}")


def mqtt(run):
    """The desk on the host's side hears the booth, and its metrics."""
    health, _ = wait_for("the desk hears the booth's health", lambda: run.broker.heard("/health"), 300)
    video, _ = wait_for("the desk hears numbers", lambda: run.broker.heard("/metrics/video"), 600)
    topics = sorted({topic.split("/", 4)[-1] for topic in run.broker.topics()})
    run.result("the desk hears", f"{health['booth_id']}: {len(topics)} topics, face_detected {video['face_detected']}")


def away_and_back(run, name, stage, away, back, limit_s):
    """A fault comes, is told by /health, ends, and is gone from it."""
    # What boothd's own counters say must have been right before.
    run.wait_health("healthy before", is_healthy, 600)
    start = time.monotonic()
    run.guest.shell(away, 300)
    run.wait_health(f"{stage} is away", lambda health: health[stage]["error"], limit_s)
    told_s = time.monotonic() - start
    run.guest.shell(back, 300)
    _, gone_s = run.wait_health(f"{stage} is back", is_without_error(stage), limit_s)
    run.result(name, f"told after {told_s:.1f} s, gone {gone_s:.1f} s after its end")
    run.wait_health("healthy after", is_healthy, 600)


# A driver that is in use cannot go: boothd lets go of a camera that is dead.
def remove(module):
    return f"i=0; until rmmod {module}; do i=$((i + 1)); [ $i -lt 60 ] || exit 1; sleep 1; done 2>/dev/null"


LOOPBACK = ("modprobe videodev && insmod /run/tools/v4l2loopback.ko devices=1 video_nr=9 exclusive_caps=1 "
            "card_label=Camera")


def camera(run):
    """The clip's camera gives nothing any more, its driver goes, and both come back."""
    run.wait_health("healthy before", is_healthy, 600)
    run.guest.shell("kill $(cat /run/feed-video.pid)")
    _, told_s = run.wait_health("the camera is away", lambda health: health["camera"]["error"], 120)
    run.guest.shell(f"({remove('v4l2loopback')}) && {LOOPBACK}", 300)
    run.feed_camera()
    _, gone_s = run.wait_health("the camera is back", is_without_error("camera"), 300)
    run.result("camera that stands still, driver removed", f"told after {told_s:.1f} s, gone {gone_s:.1f} s after its end")
    run.wait_health("healthy after", is_healthy, 600)


def vivid(run):
    """The kernel's own test camera in place of the clip's: `Disconnect` is the pulled plug."""
    load = "modprobe vivid n_devs=1 node_types=0x1 vid_cap_nr=0 num_inputs=1 input_types=0"
    run.guest.shell(f"kill $(cat /run/feed-video.pid); ({remove('v4l2loopback')}) && {load}", 300)
    health, _ = run.wait_health("vivid's picture", is_without_error("camera"), 300)
    run.result("camera", health["camera"]["source"])
    run.guest.shell("/run/tools/feed push /dev/video0 Disconnect")
    _, told_s = run.wait_health("vivid is gone", lambda health: health["camera"]["error"], 120)
    run.guest.shell(f"({remove('vivid')}) && {load}", 300)
    _, gone_s = run.wait_health("vivid is back", is_without_error("camera"), 300)
    run.result("vivid disconnected", f"told after {told_s:.1f} s, gone {gone_s:.1f} s after it was back")
    run.guest.shell(f"/run/tools/feed push /dev/video0 Disconnect; ({remove('vivid')}) && {LOOPBACK}", 300)
    run.feed_camera()
    run.wait_health("healthy after", is_healthy, 600)


def microphone(run):
    away_and_back(run, "microphone's driver unbound", "microphone",
                  "echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind",
                  "echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind; sleep 1; "
                  "nohup /run/tools/feed sound hw:Loopback,1,0 /run/tools/speech_16k.wav >/run/feed-sound.log 2>&1 & "
                  "echo $! >/run/feed-sound.pid", 120)


def stopped(run):
    """A boothd that stands still: the watchdog starts it anew within its period and 5 s."""
    period_s = int(run.guest.shell("systemctl show --value -p WatchdogUSec boothd | sed 's/1min/60/; s/s$//'"))
    # While it starts, another limit holds: TimeoutStartSec.
    wait_for("READY=1", lambda: run.guest.shell("systemctl is-active boothd", check=False) == "active", 300)
    pid = run.main_pid()
    start = run.guest.uptime_s()
    run.guest.shell(f"kill -STOP {pid}")
    wait_for("another boothd", lambda: run.main_pid() not in (0, pid), period_s + 120)
    journal = run.guest.shell("journalctl --sync; journalctl -b -o short-monotonic -u boothd --no-pager | tail -15")
    lines = [line for line in journal.splitlines() if "Watchdog timeout" in line]
    if not lines:
        raise Failed(f"it was not the watchdog that ended boothd: {journal}")
    killed = lines[-1]
    killed_s = float(killed.split("[")[1].split("]")[0])
    run.result("kill -STOP", f"watchdog (period {period_s} s) acted after {killed_s - start:.1f} s")
    if killed_s - start > period_s + 5:
        raise Failed("the watchdog came too late")
    run.wait_health("healthy after", is_healthy, 900)


def killed(run):
    pid = run.main_pid()
    run.guest.shell(f"kill -KILL {pid}")
    _, took_s = wait_for("another boothd", lambda: run.main_pid() not in (0, pid), 120)
    _, healthy_s = run.wait_health("healthy after", is_healthy, 900)
    run.result("kill -9", f"another process after {took_s:.1f} s, healthy after {took_s + healthy_s:.1f} s")


def disk_full(run):
    run.guest.shell("fallocate -l $(($(df --output=avail -B1 /var | tail -1) - 1000000)) /var/filler", 300)
    _, told_s = run.wait_health("the disk is told", lambda health: health["disk"]["error"], 120)
    run.guest.shell("rm /var/filler; sync", 300)
    _, gone_s = run.wait_health("the disk has room", lambda health: not health["disk"]["error"], 120)
    run.result("disk full", f"told after {told_s:.1f} s, gone {gone_s:.1f} s after its end")
    run.wait_health("healthy after", is_healthy, 600)


def start_again(run, limit_s=1200):
    """After a start: the shell, the devices, healthy."""
    run.guest.open_shell(limit_s)
    run.plug_in()
    run.wait_health("healthy", is_healthy, limit_s)


def ask_for_reboot(run):
    """An orderly start anew; the next shell is that of the new start."""
    before = run.guest.boot_id()
    run.guest.shell("systemctl --no-block reboot")
    run.guest.wait_for_start_after(before, 1200)


def reboot(run):
    session = session_with_summary(run)
    ask_for_reboot(run)
    start_again(run)
    same_session(run, [session])
    run.result("reboot", f"healthy {run.guest.uptime_s():.0f} guest seconds after the kernel's start; the session is kept")


def session_with_summary(run):
    body = {"notice_version": "1", "consent_at": int(time.time() * 1000), "subject_ref": "candidate 7"}
    status, session = run.booth.ask("/api/v1/sessions", "POST", body, limit_s=30)
    if status != 201:
        raise Failed(f"no session: {status} {session}")
    status, summary = run.booth.ask(f"/api/v1/sessions/{session['session_id']}/end", "POST", limit_s=60)
    if status != 200:
        raise Failed(f"no summary: {status} {summary}")
    return session["session_id"]


def same_session(run, sessions):
    for session in sessions:
        status, kept = run.booth.ask(f"/api/v1/sessions/{session}", limit_s=30)
        if status != 200 or not kept.get("ended_at"):
            raise Failed(f"session {session} is lost: {status} {kept}")


def power_cuts(run):
    """The plug is pulled at random moments, also while the booth starts; what was acknowledged stays."""
    chance = random.Random(run.options.seed)
    acknowledged = [session_with_summary(run)]
    for cut in range(1, run.options.cuts + 1):
        # Two of three while it runs and writes, one of three somewhere in the start.
        if cut % 3:
            until = time.monotonic() + chance.uniform(0, 20)
            while time.monotonic() < until:
                try:
                    acknowledged.append(session_with_summary(run))
                except Failed:
                    pass
            run.guest.cut()
            when = "running"
        else:
            run.guest.cut()
            run.guest.start()
            after_s = chance.uniform(5, run.options.start_s)
            time.sleep(after_s)
            run.guest.cut()
            when = f"{after_s:.0f} s after the start"
        run.guest.start()
        start_again(run)
        same_session(run, acknowledged)
        problems = run.guest.shell("systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\\n' ' '")
        print(f"   cut {cut} ({when}): healthy after {run.guest.uptime_s():.0f} guest s, "
              f"{len(acknowledged)} sessions kept; failed units: {problems or 'none'}", flush=True)
    run.guest.shell("systemctl stop boothd; fsck.ext4 -n -f /dev/disk/by-label/boothdata | tail -5; systemctl start boothd", 600)
    run.result("power cuts", f"{run.options.cuts} of {run.options.cuts} survived, {len(acknowledged)} sessions kept")


def unchosen(run):
    """No policy was chosen: it analyses nothing and says so everywhere."""
    guest = run.new_guest("unchosen", config=None)
    guest.open_shell(1200)
    run.plug_in()
    text = wait_for("boothd says something", lambda: guest.shell(
        "journalctl -b -u boothd -u booth-setup --no-pager -o cat | grep -i profile | head -3", check=False), 900)[0]
    run.result("the journal", text)
    page = wait_for("/health", lambda: guest.shell("curl -s http://127.0.0.1:8000/health", check=False), 300)[0]
    health = json.loads(page)
    run.result("/health", f"analysing {health['analysing']}, policy {health['policy']}")
    if health["analysing"] or health["policy"]["profile"] != "unchosen":
        raise Failed("it analyses without a policy")
    guest.remove()


def update(run):
    """A signed bundle: installed, started, confirmed; configuration and data stay."""
    session = session_with_summary(run)
    config = run.guest.shell("sha256sum /etc/boothd/boothd.toml")
    slot = install(run, run.options.good_bundle)
    start_again(run)
    other = slot_of(run)
    if other == slot:
        raise Failed("the update was not started")
    version = run.guest.shell("cat /etc/booth-release | tr '\\n' ' '")
    wait_for("the update is confirmed", lambda: f"{other}_CONFIRMED=1" in grub_variables(run), 900, every_s=5)
    same_session(run, [session])
    if run.guest.shell("sha256sum /etc/boothd/boothd.toml") != config:
        raise Failed("the configuration changed")
    run.result("good update", f"slot {slot} to {other} ({version}), confirmed, session and configuration kept")


def bad_update(run):
    """A boothd that never gets ready: the slot from before comes back by itself."""
    session = session_with_summary(run)
    # Long enough for a start here, and shorter than a booth's 10 minutes.
    run.guest.shell("sed -i 's/\"$/ booth.confirm_s=400\"/' /boot/booth/kernel.cfg")
    slot = install(run, run.options.bad_bundle)
    tried = slot_of(run)
    boot_id = run.guest.boot_id()
    if tried == slot:
        raise Failed("the bad update was not tried")
    start = time.monotonic()
    run.guest.wait_for_start_after(boot_id, 1800)
    now = slot_of(run)
    if now != slot:
        raise Failed(f"slot {now} was started instead of {slot}")
    run.plug_in()
    run.wait_health("healthy", is_healthy, 1200)
    same_session(run, [session])
    run.result("bad update", f"slot {tried} was tried, {slot} is back by itself after {time.monotonic() - start:.0f} s")


def unsigned(run):
    """A bundle with somebody else's signature, and one that was changed."""
    for what, bundle in (("a foreign key's", run.options.foreign_bundle), ("a changed", run.options.changed_bundle)):
        before = run.guest.shell("sha256sum /boot/booth/grub/grubenv; dd if=/dev/disk/by-partuuid/b007d000-03 bs=1M count=1 2>/dev/null | sha256sum")
        serve(run, bundle)
        said = run.guest.shell("rauc install /data/update.raucb; echo ended with $?; rm /data/update.raucb", 900)
        after = run.guest.shell("sha256sum /boot/booth/grub/grubenv; dd if=/dev/disk/by-partuuid/b007d000-03 bs=1M count=1 2>/dev/null | sha256sum")
        if "ended with 0" in said or before != after:
            raise Failed(f"{what} bundle was taken: {said}")
        run.result(f"{what} bundle", "refused: " + " ".join(line for line in said.splitlines() if "ailed" in line)[-200:])


def slot_of(run):
    return run.guest.shell("sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline")


def grub_variables(run):
    return run.guest.shell("grub-editenv /boot/booth/grub/grubenv list")


def serve(run, bundle):
    """Brings a bundle into the guest, checked by its sum."""
    server = subprocess.Popen(["python3", "-m", "http.server", "--bind", "127.0.0.1", str(run.options.files_port)],
                              cwd=Path(bundle).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the bundle in the guest", lambda: "got" in run.guest.shell(
            f"curl -sf -o /data/update.raucb http://10.0.2.2:{run.options.files_port}/{Path(bundle).name} && echo got",
            1200, check=False), 1200, every_s=2)
    finally:
        server.terminate()
        server.wait()
    here = hashlib.sha256(Path(bundle).read_bytes()).hexdigest()
    if here not in run.guest.shell("sha256sum /data/update.raucb", 300):
        raise Failed("the bundle did not arrive whole")


def install(run, bundle):
    """The slot that installed it; the guest then starts anew."""
    slot = slot_of(run)
    serve(run, bundle)
    start = time.monotonic()
    said = run.guest.shell("rauc install /data/update.raucb && rm /data/update.raucb && sync", 1800)
    print(f"   installed in {time.monotonic() - start:.0f} s: {said.splitlines()[-1]}", flush=True)
    ask_for_reboot(run)
    return slot


ALL = {
    "boot": boot, "mqtt": mqtt, "camera": camera, "vivid": vivid, "microphone": microphone, "stopped": stopped, "killed": killed,
    "disk_full": disk_full, "reboot": reboot, "unsigned": unsigned, "update": update, "bad_update": bad_update,
    "power_cuts": power_cuts, "unchosen": unchosen,
}
