"""What every scenario needs: the booth's configuration and devices, and what is done to it in more than one of them."""
import re
import time

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

# Exclusive: a reader sees a camera only while something is fed into it.
LOOPBACK = ("modprobe videodev && insmod /run/tools/v4l2loopback.ko devices=1 video_nr=9 exclusive_caps=1 "
            "card_label=Camera")


CONSENT = {"notice_version": "1", "consent_at": int(time.time() * 1000), "subject_ref": "candidate 7"}


class Run:
    """One run of the tests: where things lie, and what came out."""

    def __init__(self, options, folder, broker):
        self.options, self.folder, self.broker = options, folder, broker
        self.results = []
        self.guest = None
        self.booth = None
        # How long a start takes here; cuts fall into it.
        self.start_s = None

    def result(self, what, value):
        print(f"   {what}: {value}", flush=True)
        self.results.append((what, value))

    def new_guest(self, name, config=CONFIG):
        if self.guest:
            self.guest.stop()
        self.guest = Guest(self.folder / name, self.options.image, self.options.tools)
        self.booth = Booth(self.guest.web_port)
        self.guest.ask_for_shell()
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

    def configure(self, lines):
        """More lines of booth.toml, whose last table is [appliance], taken over as at a start."""
        file = "/boot/booth/booth.toml"
        self.guest.shell(f"cp {file} /run/booth.toml.before && cat >>{file} <<'TOML'\n{lines}\nTOML\n"
                         "systemctl restart booth-setup", 120)
        problem = self.guest.shell("cat /boot/booth/PROBLEM.txt 2>/dev/null", check=False)
        if problem:
            raise Failed(problem)

    def configure_as_before(self):
        self.guest.shell("cp /run/booth.toml.before /boot/booth/booth.toml && systemctl restart booth-setup", 120)

    def wait_ready(self):
        wait_for("READY=1", lambda: self.guest.shell("systemctl is-active boothd", check=False) == "active", 300)

    def devices_are_closed(self):
        """Whether boothd holds neither a camera nor a microphone open, as the kernel sees it."""
        return not re.search("/dev/(video|snd/pcm)", self.guest.shell(f"ls -l /proc/{self.main_pid()}/fd"))

    def main_pid(self):
        return int(self.guest.shell("systemctl show --value -p MainPID boothd"))


def stage_is(stage, state):
    return lambda health: (health.get(stage) or {}).get("state") == state


def is_without_error(stage):
    return lambda health: stage_is(stage, "running")(health) and not health[stage]["error"]


def is_healthy(health):
    return health.get("status") == "healthy"


def start_again(run, limit_s=1200):
    """After a start: the shell, the devices, healthy."""
    run.guest.open_shell(limit_s)
    run.plug_in()
    run.wait_health("healthy", is_healthy, limit_s)


def ask_for_reboot(run):
    """An orderly restart; the next shell is that of the new start."""
    before = run.guest.boot_id()
    run.guest.shell("systemctl --no-block reboot")
    run.guest.wait_for_start_after(before, 1200)


def session_with_summary(run):
    status, session = run.booth.ask("/api/v1/sessions", "POST", CONSENT, limit_s=30)
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
