#!/usr/bin/env python3
"""Cuts a file system image in the middle of boothd's writes, again and again, and looks at what is left.

usage: benches/power_cut_image.py [--boothd PATH] [--cuts N] [--seed N]      (root: it mounts loop devices)

boothd keeps its state on an ext4 image, and interviews are begun and ended without a pause. At a random moment the disk that
holds the image is frozen, so that the image is what the device had at that moment, journal and all; a copy of it is checked by
e2fsck, mounted (which replays the journal) and opened: the database must be whole, and hold every session and every summary
that had been acknowledged before the cut. Only the standard library, mount, losetup, mkfs.ext4, e2fsck and fsfreeze.
"""
import argparse, json, os, random, shutil, socket, sqlite3, subprocess, sys, tempfile, threading, time, urllib.request


def run(*command, may_fail=False):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and not may_fail:
        sys.exit(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done


class Disk:
    """An ext4 image on a loop device."""

    def __init__(self, image, at, megabytes=None):
        self.at = at
        os.makedirs(at)
        if megabytes:
            with open(image, "wb") as file:
                file.truncate(megabytes << 20)
            run("mkfs.ext4", "-q", "-F", image)
        run("mount", "-o", "loop", image, at)

    def leave(self):
        run("umount", self.at)
        os.rmdir(self.at)


class Interviews(threading.Thread):
    """Begins and ends sessions until it is ordered to stop; remembers what was acknowledged."""

    def __init__(self, port, token):
        super().__init__()
        self.port, self.token, self.is_over = port, token, False
        self.begun, self.ended, self.lock = [], [], threading.Lock()

    def ask(self, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode() if body else None, headers, method="POST")
        return json.load(urllib.request.urlopen(request))

    def run(self):
        while not self.is_over:
            consent = {"notice_version": "1", "consent_at": int(time.time() * 1000), "subject_ref": "candidate 7"}
            session = self.ask("/api/v1/sessions", consent)["session_id"]
            with self.lock:
                self.begun.append(session)
            self.ask(f"/api/v1/sessions/{session}/end")
            with self.lock:
                self.ended.append(session)

    def acknowledged(self):
        with self.lock:
            return list(self.begun), list(self.ended)


def look(image, folder, begun, ended):
    """What is lost in the image; and whether e2fsck had a journal to replay."""
    checked = run("e2fsck", "-p", image, may_fail=True)
    if checked.returncode > 1:
        sys.exit(f"the file system is damaged: {checked.stdout}")
    disk = Disk(image, os.path.join(folder, "after"))
    try:
        database = sqlite3.connect(os.path.join(disk.at, "state", "boothd.db"))
        # json_valid(NULL) is false before SQLite 3.42, which would call each running session damaged.
        database.execute("PRAGMA ignore_check_constraints = ON")
        answer = database.execute("PRAGMA integrity_check").fetchall()
        if answer != [("ok",)]:
            return [f"damaged: {answer}"], False
        kept = {row[0]: row[1:] for row in database.execute("SELECT session_id, state, summary IS NOT NULL FROM session")}
        outbox = {row for row in database.execute("SELECT session_id, kind FROM outbox")}
    finally:
        database.close()
        disk.leave()
    lost = [s for s in begun if s not in kept or (s, "started") not in outbox]
    lost += [s for s in ended if kept.get(s) != ("ended", 1) or (s, "summary") not in outbox]
    halves = [s for s, (state, has_summary) in kept.items() if (state == "ended") != bool(has_summary)]
    return lost + halves, "recovering journal" in checked.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boothd", default="target/release/boothd")
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moment = random.Random(options.seed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp()
    outer = Disk(os.path.join(folder, "outer.img"), os.path.join(folder, "outer"), 128)
    image = os.path.join(outer.at, "inner.img")
    inner = Disk(image, os.path.join(folder, "inner"), 64)
    token = "measuring-" + os.urandom(8).hex()
    settings = [f"web.port={port}", f"web.token={token}", f"state.dir={inner.at}/state", "video.source=off", "audio.source=off",
                "mqtt.broker=mqtt://127.0.0.1:1"]
    command = [options.boothd, "run"] + [word for setting in settings for word in ("--set", setting)]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    daemon.stdout.readline()
    interviews = Interviews(port, token)
    interviews.start()
    replayed, lost, cut = 0, [], os.path.join(folder, "cut.img")
    try:
        for _ in range(options.cuts):
            time.sleep(moment.uniform(0.05, 0.3))
            begun, ended = interviews.acknowledged()
            run("fsfreeze", "-f", outer.at)
            try:
                shutil.copyfile(image, cut)
            finally:
                run("fsfreeze", "-u", outer.at)
            gone, had_journal = look(cut, folder, begun, ended)
            if gone:
                print(gone, file=sys.stderr)
            lost, replayed = lost + gone, replayed + had_journal
        begun, ended = interviews.acknowledged()
        print(json.dumps({"cuts": options.cuts, "journal_replayed": replayed, "begun": len(begun), "ended": len(ended), "lost_or_half": len(lost)}))
    finally:
        interviews.is_over = True
        interviews.join()
        daemon.terminate()
        daemon.wait()
        inner.leave()
        outer.leave()
        shutil.rmtree(folder)
    sys.exit(bool(lost))


main()
