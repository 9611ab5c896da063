#!/usr/bin/env python3
"""Measures a running booth from outside: start, latency, processor, memory, stop.

usage: benches/running_booth.py [--boothd PATH] [--seconds N] [--speed N] [--broker-away] [-- ARGUMENTS OF boothd run]

Starts the daemon on the bundled clip, watches its stream like any client, and prints one JSON object:
first_page_s, first_report_s    from the start of the process to the first answer of the page and to the first visual report
latency_ms_p50, latency_ms_p95  from the frame in memory (its own timestamp) to the report at the client, whole ms
cpu_percent                     of one core, after the first second
rss_mb_first_minute, rss_mb_end, rss_mb_peak   (minute = of media time: a minute / speed)
stop_s                          from SIGTERM to exit
With --broker-away, a Mosquitto of its own comes and goes every 5 s while interviews are begun and ended, and it prints
latency_ms_with, latency_ms_away   p50, p95 and mean of the frames while the broker is there, and while it is not
ratio_p50, ratio_mean           away / with
Only the standard library; the daemon and the broker listen on loopback.
"""
import argparse, base64, json, os, re, signal, socket, statistics, struct, subprocess, sys, tempfile, threading, time, urllib.request

PHASE_S = 5


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class WebSocket:
    """Enough of RFC 6455 to read text messages."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            "GET /ws/multimodal-analysis HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        assert b"101" in self.file.readline(), "the upgrade was refused"
        while self.file.readline() != b"\r\n":
            pass

    def send(self, opcode, payload):
        mask = os.urandom(4)
        body = bytes(byte ^ mask[k % 4] for k, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + body)

    def read(self):
        while True:
            head, length = self.file.read(2)
            length &= 0x7F
            if length == 126:
                length = struct.unpack(">H", self.file.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.file.read(8))[0]
            payload = self.file.read(length)
            if head & 0xF == 9:
                self.send(10, payload)
            elif head & 0xF == 1:
                return json.loads(payload)
            elif head & 0xF == 8:
                raise EOFError("the daemon closed the connection")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A Mosquitto that comes and goes."""

    def __init__(self, folder):
        self.port, self.process = free_port(), None
        self.config = os.path.join(folder, "mosquitto.conf")
        with open(self.config, "w") as config:
            config.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self):
        program = "/usr/sbin/mosquitto" if os.path.exists("/usr/sbin/mosquitto") else "mosquitto"
        self.process = subprocess.Popen([program, "-c", self.config], stderr=subprocess.DEVNULL)
        threading.Thread(target=self.hear_all, daemon=True).start()

    def hear_all(self):
        """The fleet server: MQTT 3.1.1, CONNECT as "desk" and SUBSCRIBE to "#" with QoS 0."""
        while True:
            try:
                desk = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                time.sleep(0.05)
        desk.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04desk" + b"\x82\x06\x00\x01\x00\x01#\x00")
        while desk.recv(65536):
            pass

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def ask(port, token, method, path, body=None):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    return json.load(urllib.request.urlopen(request))


def compare(port, token, broker, began, options):
    """Interviews of half a phase each; the broker is there in every other phase."""
    while True:
        try:
            health = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health"))
            if health["analysing"] and health["vision"]["state"] == "running" and health["mqtt"]["state"] == "running":
                break
        except OSError:
            pass
        time.sleep(0.05)
    stream = WebSocket(port, token)
    stream.send(1, b'{"type":"watch","data":{"stream":"booth"}}')
    latencies, session, phase = {True: [], False: []}, None, 0
    phase_began = half_began = time.monotonic()
    while time.monotonic() - began < options.seconds:
        message = stream.read()
        now = time.monotonic()
        # The first second of a phase belongs to the change.
        if message["type"] == "visual_analysis" and now - phase_began > 1:
            latencies[broker.process is not None].append(time.time() * 1000 - message["data"]["timestamp"])
        if now - half_began > PHASE_S / 2:
            half_began = now
            if session:
                ask(port, token, "POST", f"/api/v1/sessions/{session}/end")
            consent = {"notice_version": "1", "consent_at": int(time.time() * 1000)}
            session = ask(port, token, "POST", "/api/v1/sessions", consent)["session_id"]
        if now - phase_began > PHASE_S:
            phase, phase_began = phase + 1, now
            broker.stop() if broker.process else broker.start()
    if not broker.process:
        broker.start()
    depth = lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health"))["outbox"]["depth"]
    waiting = depth()
    ratio = lambda of: round(of(latencies[False]) / of(latencies[True]), 4)
    result = {
        "phases": phase, "outbox_depth_at_end": waiting, "ratio_p50": ratio(statistics.median), "ratio_mean": ratio(statistics.fmean),
        "ratio_p95": ratio(lambda of: statistics.quantiles(of, n=20)[-1]),
    }
    for name, is_there in [("with", True), ("away", False)]:
        of = latencies[is_there]
        result[f"latency_ms_{name}"] = {"frames": len(of), "p50": round(statistics.median(of), 2),
                                      "p95": round(statistics.quantiles(of, n=20)[-1], 2), "mean": round(statistics.fmean(of), 2)}
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boothd", default="target/release/boothd")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--speed", type=int, default=1, help="replay so many times faster")
    parser.add_argument("--broker-away", action="store_true", help="compare latency with a broker and without")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    port = free_port()
    token = "measuring-" + os.urandom(8).hex()
    with tempfile.TemporaryDirectory() as state:
        command = [options.boothd, "run", "--set", f"web.port={port}", "--set", f'web.token="{token}"',
                   "--set", f'state.dir="{state}"', "--speed", str(options.speed), *options.arguments]
        broker = Broker(state) if options.broker_away else None
        if broker:
            command += ["--set", f"mqtt.broker=mqtt://127.0.0.1:{broker.port}"]
        began = time.monotonic()
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            if broker:
                print(json.dumps(compare(port, token, broker, began, options), indent=1))
            else:
                print(json.dumps(measure(daemon, port, token, began, options), indent=1))
        finally:
            if broker:
                broker.stop()
            if daemon.poll() is None:
                daemon.kill()


def measure(daemon, port, token, began, options):
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
            break
        except OSError:
            if daemon.poll() is not None:
                sys.exit(f"boothd left: {daemon.stderr.read().decode()}")
            time.sleep(0.005)
    first_page = time.monotonic() - began
    stream = WebSocket(port, token)
    stream.send(1, b'{"type":"watch","data":{"stream":"booth"}}')
    latencies, memory, first_report, visual, audio = [], [], None, 0, 0
    cpu_from = None
    while time.monotonic() - began < options.seconds:
        message = stream.read()
        now = time.monotonic()
        if message["type"] == "visual_analysis":
            first_report = first_report or now - began
            visual += 1
            if visual > 2:  # the first frames waited for the models
                latencies.append(time.time() * 1000 - message["data"]["timestamp"])
        audio += message["type"] == "audio_analysis"
        memory.append((now - began, rss_mb(daemon.pid)))
        if cpu_from is None and now - began > 1.5:
            cpu_from = (now, cpu_s(daemon.pid))
    cpu = (cpu_s(daemon.pid) - cpu_from[1]) / (time.monotonic() - cpu_from[0])
    asked = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(10)
    latencies.sort()
    minute = [rss for at, rss in memory if at <= 60 / options.speed]
    return {
        "seconds": options.seconds, "speed": options.speed, "visual_reports": visual, "audio_reports": audio,
        "first_page_s": round(first_page, 3), "first_report_s": round(first_report, 3),
        "latency_ms_p50": round(latencies[len(latencies) // 2], 1),
        "latency_ms_p95": round(latencies[len(latencies) * 95 // 100], 1),
        "cpu_percent": round(cpu * 100, 2),
        "rss_mb_first_minute": round(max(minute), 1), "rss_mb_end": round(memory[-1][1], 1),
        "rss_mb_peak": round(max(rss for _, rss in memory), 1),
        "stop_s": round(time.monotonic() - asked, 3), "exit_code": code,
    }


main()
