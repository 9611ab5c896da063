"""What the host's side sees of a booth: /health, the WebSocket, MQTT."""
import base64
import json
import os
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

TOKEN = "the-operator-of-the-test"


class Booth:
    def __init__(self, port):
        self.port = port

    def ask(self, path, method="GET", body=None, limit_s=10):
        """Status and JSON; (0, None) without an answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=limit_s) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            try:
                return refusal.code, json.load(refusal)
            except ValueError:
                return refusal.code, None
        except (OSError, ValueError):
            return 0, None

    def health(self, limit_s=5):
        return self.ask("/health", limit_s=limit_s)[1] or {}

    def reports(self, limit_s):
        """The booth's reports from the WebSocket, as (type, data)."""
        deadline = time.monotonic() + limit_s
        with socket.create_connection(("127.0.0.1", self.port), timeout=limit_s) as stream:
            key = base64.b64encode(os.urandom(16)).decode()
            stream.sendall((
                f"GET /ws/multimodal-analysis HTTP/1.1\r\nHost: localhost:{self.port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n").encode())
            read = stream.makefile("rb")
            first = read.readline()
            if b" 101 " not in first:
                raise OSError(f"no WebSocket: {first}")
            while read.readline().strip():
                pass
            send(stream, 1, json.dumps({"type": "watch", "data": {"stream": "booth"}}).encode())
            while time.monotonic() < deadline:
                kind, payload = receive(read)
                if kind == 9:
                    send(stream, 10, payload)
                elif kind == 1:
                    message = json.loads(payload)
                    yield message["type"], message.get("data")
                elif kind == 8:
                    return


def face_and_voice(booth, limit_s, at_first=lambda: None):
    """A report of each. A guest this slow may be taken for stuck and restarted: the booth is asked again."""
    face = voice = None
    is_first = True
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            for kind, data in booth.reports(limit_s):
                if kind not in ("visual_analysis", "audio_analysis"):
                    continue
                if is_first:
                    at_first()
                    is_first = False
                face = data if kind == "visual_analysis" and data["face_detected"] else face
                voice = data if kind == "audio_analysis" and data["audio_detected"] else voice
                if face and voice:
                    return face, voice
        except OSError:
            time.sleep(5)
    raise OSError(f"the clip's face or voice was never seen: {face} {voice}")


def send(stream, kind, payload):
    mask = os.urandom(4)
    length = len(payload)
    head = struct.pack("!BB", 0x80 | kind, 0x80 | length) if length < 126 else \
        struct.pack("!BBH", 0x80 | kind, 0x80 | 126, length)
    stream.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def receive(read):
    first, second = read.read(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", read.read(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", read.read(8))
    return first & 0x0F, read.read(length)


class Broker:
    """A Mosquitto on the loopback, which the guest sees as 10.0.2.2."""

    def __init__(self, folder, port):
        self.port = port
        self.folder = folder
        config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(f"{user}listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.process = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.log = open(folder / "mqtt.log", "w+")
        self.listener = None

    def listen(self):
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    raise
                time.sleep(0.1)
        self.listener = subprocess.Popen(
            ["mosquitto_sub", "-V", "5", "-i", "desk", "-c", "-x", "3600", "-q", "1", "-h", "127.0.0.1", "-p", str(self.port),
             "-t", "boothd/#", "-F", "%t\t%p"], stdout=self.log, stderr=subprocess.DEVNULL)

    def received(self, part):
        """The last payload on a topic that ends so."""
        if self.listener.poll() is not None:
            raise OSError(f"mosquitto_sub has ended with {self.listener.returncode}")
        found = None
        with open(self.folder / "mqtt.log") as lines:
            for line in lines:
                topic, _, payload = line.partition("\t")
                if topic.endswith(part):
                    found = payload
        return json.loads(found) if found else None

    def topics(self):
        with open(self.folder / "mqtt.log") as lines:
            return [line.partition("\t")[0] for line in lines]

    def stop(self):
        for process in (self.listener, self.process):
            if process:
                process.terminate()
                process.wait()
