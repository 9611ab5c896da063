"""Faults while a booth runs: each comes, is reported by /health, ends, and is gone from it."""
import time

from guest import Failed, wait_for
from steps import CONSENT, LOOPBACK, is_healthy, is_without_error, same_session, session_with_summary, start_again


# A driver that is in use cannot go: boothd lets go of a camera that is dead.
def remove(module):
    return f"i=0; until rmmod {module}; do i=$((i + 1)); [ $i -lt 60 ] || exit 1; sleep 1; done 2>/dev/null"


def camera(run):
    """The clip's camera gives nothing any more, its driver goes, and both come back."""
    run.wait_health("healthy before", is_healthy, 600)
    run.guest.shell("kill $(cat /run/feed-video.pid)")
    _, reported_s = run.wait_health("the camera is away", lambda health: health["camera"]["error"], 120)
    run.guest.shell(f"({remove('v4l2loopback')}) && {LOOPBACK}", 300)
    run.feed_camera()
    _, gone_s = run.wait_health("the camera is back", is_without_error("camera"), 300)
    run.result("camera that stands still, driver removed", f"reported after {reported_s:.1f} s, gone {gone_s:.1f} s after its end")
    run.wait_health("healthy after", is_healthy, 600)


def vivid(run):
    """The kernel's own test camera in place of the clip's: `Disconnect` is the pulled plug."""
    load = "modprobe vivid n_devs=1 node_types=0x1 vid_cap_nr=0 num_inputs=1 input_types=0"
    run.guest.shell(f"kill $(cat /run/feed-video.pid); ({remove('v4l2loopback')}) && {load}", 300)
    health, _ = run.wait_health("vivid's picture", is_without_error("camera"), 300)
    run.result("camera", health["camera"]["source"])
    run.guest.shell("/run/tools/feed push /dev/video0 Disconnect")
    _, reported_s = run.wait_health("vivid is gone", lambda health: health["camera"]["error"], 120)
    run.guest.shell(f"({remove('vivid')}) && {load}", 300)
    _, gone_s = run.wait_health("vivid is back", is_without_error("camera"), 300)
    run.result("vivid disconnected", f"reported after {reported_s:.1f} s, gone {gone_s:.1f} s after it was back")
    run.guest.shell(f"/run/tools/feed push /dev/video0 Disconnect; ({remove('vivid')}) && {LOOPBACK}", 300)
    run.feed_camera()
    run.wait_health("healthy after", is_healthy, 600)


def microphone(run):
    """Its driver lets go of it, and takes it again."""
    run.wait_health("healthy before", is_healthy, 600)
    driver = "/sys/bus/platform/drivers/snd_aloop"
    start = time.monotonic()
    run.guest.shell(f"echo snd_aloop.0 >{driver}/unbind")
    run.wait_health("the microphone is away", lambda health: health["microphone"]["error"], 120)
    reported_s = time.monotonic() - start
    run.guest.shell(f"echo snd_aloop.0 >{driver}/bind; until [ -e /dev/snd/pcmC0D1p ]; do sleep 0.1; done")
    run.feed_microphone()
    _, gone_s = run.wait_health("the microphone is back", is_without_error("microphone"), 120)
    run.result("microphone's driver unbound", f"reported after {reported_s:.1f} s, gone {gone_s:.1f} s after its end")
    run.wait_health("healthy after", is_healthy, 600)


def stopped(run):
    """A boothd that stands still: the watchdog restarts it within its period and 5 s."""
    period_s = int(run.guest.shell("systemctl show --value -p WatchdogUSec boothd | sed 's/1min/60/; s/s$//'"))
    # While it starts, another limit holds: TimeoutStartSec.
    run.wait_ready()
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


def is_lit_and_healthy(health):
    return health.get("light", {}).get("on") and is_healthy(health)


def light(run):
    """A LED of a keyboard as the recording light: lit with the devices, and without it they close."""
    led = run.guest.shell("ls -d /sys/class/leds/*::scrolllock | head -1")
    run.configure(f'[light]\npath = "{led}"')
    run.guest.shell("systemctl restart boothd", 300)
    run.wait_health("lit", is_lit_and_healthy, 600)
    run.guest.shell(f"[ $(cat {led}/brightness) = 1 ]")
    run.guest.shell(f"kill -KILL {run.main_pid()}; until [ $(cat {led}/brightness) = 0 ]; do sleep 0.1; done", 60)
    run.wait_health("lit by the next boothd", is_lit_and_healthy, 600)
    run.guest.shell(f"systemctl stop boothd && [ $(cat {led}/brightness) = 0 ] && systemctl start boothd", 300)
    run.wait_health("lit after a stop", is_lit_and_healthy, 600)
    run.guest.shell("echo -n serio0 >/sys/bus/serio/drivers/atkbd/unbind")
    health, reported_s = run.wait_health("the light is gone", lambda health: health["light"]["error"], 120)
    _, closed_s = wait_for("both devices are closed", run.devices_are_closed, 60)
    run.result("recording light", f"lit, dark after kill -9 and a stop; its driver away: reported after {reported_s:.1f} s, "
               f"devices closed {closed_s:.1f} s later (\"{health['light']['error']}\")")
    run.guest.shell("echo -n serio0 >/sys/bus/serio/drivers/atkbd/bind")
    run.configure_as_before()
    run.guest.shell("systemctl restart boothd", 300)
    run.wait_health("healthy after", is_healthy, 600)


def hung(run):
    """A machine on which nothing gets a turn any more: the board's watchdog resets it. A kernel that panics restarts."""
    session = session_with_summary(run)
    # One that forks: its copy goes to the other processor, which no other process could reach any more.
    starve = ("echo -1 >/proc/sys/kernel/sched_rt_runtime_us; "
              "chrt --fifo 99 sh -c 'while :; do :; done & while :; do :; done'")
    for what, command in (("a machine that hangs", starve), ("a kernel that panics", "echo c >/proc/sysrq-trigger")):
        before = run.guest.boot_id()
        wait_for("the watchdog is armed", lambda: "active" == run.guest.shell(
            "cat /sys/class/watchdog/watchdog0/state", check=False), 120)
        run.guest.shell(f"sync; (sleep 2; {command}) >/dev/null 2>&1 &")
        start = time.monotonic()
        run.guest.wait_for_start_after(before, 1200)
        back_s = time.monotonic() - start
        start_again(run)
        same_session(run, [session])
        run.result(what, f"a shell of its next start after {back_s:.0f} s, healthy by itself, the session is kept")


def disk_full(run):
    """No byte is left: reported at once; a session is refused, or kept; both work again afterwards."""
    # Root may use the reserve, boothd may not: what is left is nothing for it.
    run.guest.shell("fallocate -l $(df --output=avail -B1 /var | tail -1) /var/filler; cat /dev/zero >>/var/filler; sync", 300, check=False)
    _, reported_s = run.wait_health("the disk is reported", lambda health: health["disk"]["error"], 120)
    status, answer = run.booth.ask("/api/v1/sessions", "POST", CONSENT, limit_s=60)
    begun = [answer["session_id"]] if status == 201 else []
    run.guest.shell("rm /var/filler; sync", 300)
    _, gone_s = run.wait_health("the disk has room", lambda health: not health["disk"]["error"], 120)
    run.wait_health("healthy after", is_healthy, 600)
    for session in begun:
        run.booth.ask(f"/api/v1/sessions/{session}/end", "POST", limit_s=60)
    same_session(run, [*begun, session_with_summary(run)])
    outcome = "a session was begun and is kept" if begun else f"a session was refused with {status}, \"{answer['error']}\""
    run.result("disk full", f"reported after {reported_s:.1f} s, gone {gone_s:.1f} s after its end; {outcome}")
