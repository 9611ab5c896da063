"""From the plug to healthy: the first start, the next ones, and the power that goes."""
import json
import random
import sqlite3
import subprocess
import threading
import time

from booth import TOKEN, face_and_voice
from guest import Failed, wait_for
from steps import CONSENT, ask_for_reboot, is_healthy, same_session, session_with_summary, start_again


def boot(run):
    """From the plug to healthy, without a hand; the first report; the fleet server receives it."""
    guest = run.new_guest("booth")
    guest.open_shell(1200)
    run.plug_in()
    run.wait_health("boothd answers", lambda health: True, 1200)
    run.result("guest seconds to the page", f"{guest.uptime_s():.0f}")
    face, voice = face_and_voice(run.booth, 1200, lambda: run.result(
        "guest seconds to the first report", f"{guest.uptime_s():.0f}"))
    run.result("face of the clip", f"box {face['face_box']}, {face['dominant_emotion']}")
    run.result("voice of the clip", f"pitch {voice['pitch_mean']:.0f} Hz, {voice['emotion']}")
    health, _ = run.wait_health("healthy", is_healthy, 1200)
    run.result("guest seconds to healthy", f"{guest.uptime_s():.0f}")
    run.start_s = time.monotonic() - guest.started_at
    run.result("camera, microphone", f"{health['camera']['source']}, {health['microphone']['source']}")
    run.wait_ready()
    ready_us = int(guest.shell(
        "systemctl show --value -p ActiveEnterTimestampMonotonic boothd"))
    run.result("guest seconds to READY=1", f"{ready_us / 1e6:.0f}")
    text = guest.get("booth.toml")
    if TOKEN in text:
        raise Failed("the token stayed on the boot partition")
    if guest.shell("ss --listening --tcp --numeric --no-header 'sport = :22'"):
        raise Failed("SSH is open without a request")
    if guest.get("PROBLEM.txt"):
        raise Failed(f"PROBLEM.txt: {guest.get('PROBLEM.txt')}")


def mqtt(run):
    """The broker's subscriber on the host receives the booth's health and metrics."""
    health, _ = wait_for("the subscriber receives the booth's health", lambda: run.broker.received("/health"), 300)
    video, _ = wait_for("the subscriber receives metrics", lambda: run.broker.received("/metrics/video"), 600)
    topics = sorted({topic.split("/", 4)[-1] for topic in run.broker.topics()})
    run.result("the subscriber receives", f"{health['booth_id']}: {len(topics)} topics, face_detected {video['face_detected']}")


def reboot(run):
    session = session_with_summary(run)
    ask_for_reboot(run)
    start_again(run)
    same_session(run, [session])
    run.result("reboot", f"healthy {run.guest.uptime_s():.0f} guest seconds after the kernel's start; the session is kept")


def uefi(run):
    """The same disk on a machine with UEFI."""
    session = session_with_summary(run)
    run.guest.power_off()
    run.guest.start(["-bios", "/usr/share/ovmf/OVMF.fd"])
    start_again(run)
    run.guest.shell("test -d /sys/firmware/efi")
    same_session(run, [session])
    run.result("UEFI", f"healthy {run.guest.uptime_s():.0f} guest seconds after the kernel's start")


def power_cuts(run):
    """The plug is pulled at random moments, also while the booth starts; what was acknowledged stays."""
    chance = random.Random(run.options.seed)
    begun, ended = [], []
    longest_s = 0
    for cut in range(1, run.options.cuts + 1):
        new = len(begun), len(ended)
        # Two of three while it runs and writes, one of three somewhere in the start.
        if cut % 3:
            after_s = chance.uniform(0, 15)
            cut_while_it_writes(run, after_s, begun, ended)
            when = f"{after_s:.1f} s of sessions"
        else:
            run.guest.cut()
            run.guest.start()
            after_s = chance.uniform(1, run.start_s)
            time.sleep(after_s)
            run.guest.cut()
            when = f"{after_s:.1f} s of a start"
        run.guest.start()
        start_again(run)
        healthy_s = run.guest.uptime_s()
        longest_s = max(longest_s, healthy_s)
        kept_sessions(run, begun[new[0]:], ended[new[1]:])
        problems = run.guest.shell("systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\\n' ' '")
        print(f"   cut {cut} after {when}: healthy {healthy_s:.0f} s after the kernel's start, "
              f"{len(begun)} begun and {len(ended)} ended sessions; failed units: {problems or 'none'}", flush=True)
    kept_sessions(run, begun, ended)
    wait_for("the subscriber has every summary", lambda: not missing_summaries(run, ended), 300)
    whole_database(run)
    run.result("power cuts", f"{run.options.cuts} of {run.options.cuts} survived, none of {len(begun)} begun and {len(ended)} ended "
               f"sessions lost, each summary received, database and file system whole, healthy within {longest_s:.0f} s "
               "of the kernel's start")


def cut_while_it_writes(run, after_s, begun, ended):
    """Sessions begin and end without a pause until the power goes, wherever that falls."""
    power = threading.Timer(after_s, run.guest.process.kill)
    power.start()
    while run.guest.process.poll() is None:
        status, session = run.booth.ask("/api/v1/sessions", "POST", CONSENT, limit_s=30)
        if status != 201:
            continue
        begun.append(session["session_id"])
        status, _ = run.booth.ask(f"/api/v1/sessions/{begun[-1]}/end", "POST", limit_s=60)
        if status == 200:
            ended.append(begun[-1])
    power.join()
    run.guest.cut()


def kept_sessions(run, begun, ended):
    same_session(run, ended)
    for session in begun:
        status, _ = run.booth.ask(f"/api/v1/sessions/{session}", limit_s=30)
        if status != 200:
            raise Failed(f"session {session}, which had begun, is lost: {status}")


def missing_summaries(run, ended):
    return set(ended) - {topic.split("/")[-2] for topic in run.broker.topics() if topic.endswith("/summary")}


def whole_database(run):
    """SQLite's own judgement on the host, and e2fsck's, of the disk after the last cut and an orderly end."""
    run.guest.power_off()
    partition = run.folder / "data.ext4"
    first, size = run.guest.partition(4)
    subprocess.run(["dd", f"if={run.guest.disk}", f"of={partition}", "bs=1M", "iflag=skip_bytes,count_bytes", "conv=sparse",
                    f"skip={first}", f"count={size}", "status=none"], check=True)
    try:
        subprocess.run(["e2fsck", "-f", "-n", partition], check=True, capture_output=True)
        database = run.folder / "boothd.db"
        for suffix in ("", "-wal"):
            database.with_name(f"boothd.db{suffix}").unlink(missing_ok=True)
            subprocess.run(["debugfs", "-R", f"dump /var/lib/boothd/boothd.db{suffix} {database}{suffix}", partition],
                           check=True, capture_output=True)
        connection = sqlite3.connect(database)
        if sqlite3.sqlite_version_info < (3, 42):
            # To them json_valid(NULL) is 0, and each session without a summary would break its CHECK.
            connection.execute("PRAGMA ignore_check_constraints = ON")
        answer = connection.execute("PRAGMA integrity_check").fetchone()
        if answer != ("ok",):
            raise Failed(f"the database: {answer}")
    finally:
        partition.unlink()
    run.guest.start()
    start_again(run)


def unchosen(run):
    """No policy was chosen: it analyses nothing and reports so everywhere."""
    guest = run.new_guest("unchosen", config=None)
    guest.open_shell(1200)
    run.plug_in()
    text = wait_for("boothd reports something", lambda: guest.shell(
        "journalctl -b -u boothd -u booth-setup --no-pager -o cat | grep -i profile | head -3", check=False), 900)[0]
    run.result("the journal", text)
    page = wait_for("/health", lambda: guest.shell("curl -s http://127.0.0.1:8000/health", check=False), 300)[0]
    health = json.loads(page)
    run.result("/health", f"analysing {health['analysing']}, policy {health['policy']}")
    if health["analysing"] or health["policy"]["profile"] != "unchosen":
        raise Failed("it analyses without a policy")
    if not run.devices_are_closed():
        raise Failed("a device is open without a policy")
    guest.remove()
