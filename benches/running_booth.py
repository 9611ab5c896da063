#!/usr/bin/env python3
"""Measures a running booth from outside: start, latency, processor, memory, stop.

usage: benches/running_booth.py [--boothd PATH] [--seconds N] [--speed N] [-- ARGUMENTS OF boothd run]

Starts the daemon on the bundled clip, watches its stream like any client, and prints one JSON object:
first_page_s, first_report_s    from the start of the process to the first answer of the page and to the first visual report
latency_ms_p50, latency_ms_p95  from the frame in memory (its own timestamp) to the report at the client, whole ms
cpu_percent                     of one core, after the first second
rss_mb_first_minute, rss_mb_end, rss_mb_peak   (minute = of media time: a minute / speed)
stop_s                          from SIGTERM to exit
Only the standard library; the daemon listens on loopback.
"""
import argparse, base64, json, os, re, signal, socket, struct, subprocess, sys, tempfile, time, urllib.request


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boothd", default="target/release/boothd")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--speed", type=int, default=1, help="replay so many times faster")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = "measuring-" + os.urandom(8).hex()
    with tempfile.TemporaryDirectory() as state:
        command = [options.boothd, "run", "--set", f"web.port={port}", "--set", f'web.token="{token}"',
                   "--set", f'state.dir="{state}"', "--speed", str(options.speed), *options.arguments]
        began = time.monotonic()
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            print(json.dumps(measure(daemon, port, token, began, options), indent=1))
        finally:
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
