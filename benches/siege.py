#!/usr/bin/env python3
"""Everything that unauthenticated clients and hostile guests can do at once, under a limit of memory.

    cargo build --release && python3 benches/siege.py [--boothd FILE] [--seconds 60] [--mb 512]

Starts boothd on the bundled clip under RLIMIT_DATA, measures the booth's own reports in quiet, then
for a minute at once: 60 unauthenticated clients with unfinished messages of 10 MB, 140 idle TCP connections, one
flood of pongs before authentication, 10 guests that send 4096x4096 PNGs and timestamps of 9 MB, and
20 honest guests with a camera's picture each 10 s (2 a second in sum: two cores carry no more
beside this tool and the booth's own camera). An operator comes in twice a second, and /health is asked as often.

The attackers are a process of their own with a lower priority: theirs are other machines, whose processor the daemon does not
share, and what is measured must not wait for their loop. Needs only Python. Exit status 1 where a bar is missed.
"""
import argparse, asyncio, base64, collections, json, multiprocessing, os, resource, struct, subprocess, sys, tempfile, time, zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = "operator-token-0123456789"
PORT = 18777
HEAD = ("GET /ws/multimodal-analysis HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


def frame(payload, opcode=1, fin=True):
    """One masked frame; a mask of zeros changes nothing."""
    first, n = (0x80 if fin else 0) | opcode, len(payload)
    size = struct.pack(">B", 0x80 | n) if n < 126 else struct.pack(">BH", 0x80 | 126, n) if n < 65536 else struct.pack(">BQ", 0x80 | 127, n)
    return bytes([first]) + size + bytes(4) + payload


class Ws:
    """A WebSocket client that knows no more than this needs."""

    async def open(self, timeout=5):
        self.r, self.w = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", PORT, limit=1 << 20), timeout)
        self.w.write(HEAD)
        head = await asyncio.wait_for(self.r.readuntil(b"\r\n\r\n"), timeout)
        if b" 101 " not in head[:20]:
            raise OSError(head[:40].decode(errors="replace"))
        return self

    def send_json(self, kind, data=None, **more):
        self.w.write(frame(json.dumps({"type": kind, "data": data, **more}).encode()))

    async def receive(self):
        while True:
            first, size = await self.r.readexactly(2)
            size &= 127
            if size >= 126:
                size = int.from_bytes(await self.r.readexactly(2 if size == 126 else 8), "big")
            payload = await self.r.readexactly(size)
            if first & 15 == 1:
                return json.loads(payload)
            if first & 15 == 9:
                self.w.write(frame(payload, 10))
            if first & 15 == 8:
                raise OSError(f"closed {int.from_bytes(payload[:2], 'big')}")

    async def until(self, kind, timeout=5):
        async def look():
            while (m := await self.receive())["type"] not in (kind, "auth_error"):
                pass
            return m
        return await asyncio.wait_for(look(), timeout)

    async def auth(self, token, session):
        self.send_json("auth", {"session_id": session, "access_token": token})
        if (m := await self.until("auth_success"))["type"] != "auth_success":
            raise OSError(m.get("code"))
        return self

    def close(self):
        self.w.transport.abort()


async def http(path, method="GET", body=None, token=None, timeout=3):
    async def ask():
        r, w = await asyncio.open_connection("127.0.0.1", PORT)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        body_ = json.dumps(body).encode() if body is not None else b""
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        head += f"Content-Type: application/json\r\nContent-Length: {len(body_)}\r\n" if body_ else ""
        w.write(head.encode() + b"\r\n" + body_)
        answer = await r.read()
        w.close()
        return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]
    return await asyncio.wait_for(ask(), timeout)


def huge_png():
    """4096x4096 of one colour: legal, and 50 MB once it is decoded."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress((b"\0" + bytes(4096 * 3)) * 4096, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4096, 4096, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Siege:
    def __init__(self, seconds):
        self.seconds, self.until = seconds, 0
        self.count = collections.Counter()
        self.entry_s, self.health_s, self.honest_sent, self.honest_answered = [], [], 0, 0

    def on(self):
        return time.monotonic() < self.until

    async def again(self, name, what, pause=0.05):
        """Tries on until the end; what was refused is counted."""
        while self.on():
            try:
                await what()
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
                self.count[f"{name}: {type(error).__name__} {str(error)[:40]}"] += 1
            await asyncio.sleep(pause)

    async def unfinished(self):
        ws = await Ws().open()
        try:
            ws.w.write(frame(BIG, fin=False))
            await asyncio.wait_for(ws.r.read(), 30)
        finally:
            ws.close()

    async def idle(self):
        r, w = await asyncio.open_connection("127.0.0.1", PORT)
        try:
            await asyncio.wait_for(r.read(1), 60)
        finally:
            w.transport.abort()

    async def pongs(self):
        ws = await Ws().open()
        try:
            flood = frame(b"", 10) * 10_000
            while self.on():
                ws.w.write(flood)
                await asyncio.wait_for(ws.w.drain(), 15)
        finally:
            ws.close()

    async def hostile(self, number, token):
        async def attack():
            ws = await (await Ws().open()).auth(token, f"hostile-{number}")

            async def drain():
                while True:
                    m = await ws.receive()
                    self.count[f"hostile: {m['type']} {m.get('code', '')}"] += 1
            draining = asyncio.create_task(drain())
            try:
                while self.on() and not draining.done():
                    for message in (HUGE, STAMPED):
                        ws.w.write(message)
                        await asyncio.wait_for(ws.w.drain(), 60)
                        await asyncio.sleep(0.5)
            finally:
                draining.cancel()
                ws.close()
        await self.again("hostile", attack)

    async def honest(self, number, token):
        await asyncio.sleep(number / 2)

        async def work():
            ws = await (await Ws().open()).auth(token, f"honest-{number}")
            try:
                while self.on():
                    self.honest_sent += 1
                    ws.w.write(SMALL)
                    await ws.until("visual_analysis", 10)
                    self.honest_answered += 1
                    await asyncio.sleep(10)
            finally:
                ws.close()
        await self.again("honest", work)

    async def operator(self):
        async def enter():
            began = time.monotonic()
            self.entry_s.append(99)
            ws = await Ws().open()
            try:
                await ws.auth(TOKEN, "operator")
                self.entry_s[-1] = time.monotonic() - began
            finally:
                ws.close()
        await self.again("operator", enter, 0.5)

    async def health(self):
        async def ask():
            began = time.monotonic()
            self.health_s.append(99)
            status, _ = await http("/health/live")
            if status == 200:
                self.health_s[-1] = time.monotonic() - began
        await self.again("health", ask, 0.5)


async def reports(seconds):
    """Reports a second of the booth's own stream: pictures and voice."""
    ws = await (await Ws().open()).auth(TOKEN, "watcher")
    ws.send_json("watch", {"stream": "booth"})
    seen, end = collections.Counter(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            seen[(await asyncio.wait_for(ws.receive(), left))["type"]] += 1
        except asyncio.TimeoutError:
            pass
    ws.close()
    return {kind: seen[kind] / seconds for kind in ("visual_analysis", "audio_analysis")}


def memory(pid, key):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith(key))


async def besiege(args, boothd):
    async def guest(name):
        status, body = await http("/api/v1/tokens", "POST", {"name": name, "role": "guest"}, TOKEN)
        assert status in (200, 201), body
        return json.loads(body)["secret"]
    tokens = [await guest(f"g{k}") for k in range(30)]
    await asyncio.sleep(5)
    quiet = await reports(15)
    print(f"quiet: {quiet}, RSS {memory(boothd.pid, 'VmRSS')} MB", flush=True)
    siege = Siege(args.seconds)
    siege.until = time.monotonic() + args.seconds
    counts, their_end = multiprocessing.Pipe(duplex=False)
    attackers = multiprocessing.Process(target=attack, args=(args.seconds, tokens[:10], their_end))
    attackers.start()
    try:
        others = [siege.honest(k, tokens[10 + k]) for k in range(20)]
        others += [siege.operator(), siege.health()]
        tasks = [asyncio.create_task(one) for one in others]
        under = await reports(args.seconds - 1)
        await asyncio.wait(tasks, timeout=20)
        [task.cancel() for task in tasks]
        siege.count += await asyncio.to_thread(lambda: counts.recv() if counts.poll(40) else collections.Counter({"the attackers did not end": 1}))
    finally:
        attackers.kill()
    return quiet, under, siege


def attack(seconds, tokens, counts):
    """The attackers, in a process of their own; reports the counts at the end."""
    os.nice(10)

    async def all_at_once():
        siege = Siege(seconds)
        siege.until = time.monotonic() + seconds
        hostile = [siege.again("unfinished", siege.unfinished) for _ in range(60)]
        hostile += [siege.again("idle", siege.idle) for _ in range(140)]
        hostile += [siege.again("pongs", siege.pongs)]
        hostile += [siege.hostile(k, token) for k, token in enumerate(tokens)]
        tasks = [asyncio.create_task(one) for one in hostile]
        await asyncio.wait(tasks, timeout=seconds + 20)
        [task.cancel() for task in tasks]
        return siege.count
    counts.send(asyncio.run(all_at_once()))


def judge(quiet, under, siege, boothd, args):
    alive = boothd.poll() is None
    peak = memory(boothd.pid, "VmHWM") if alive else -1
    ratio = {kind: under[kind] / quiet[kind] for kind in quiet}
    print(f"under siege: {under}; of quiet: { {k: round(v, 3) for k, v in ratio.items()} }")
    print(f"operator in: {len(siege.entry_s)} tries, slowest {max(siege.entry_s):.2f} s; /health/live: {len(siege.health_s)}, slowest {max(siege.health_s):.2f} s")
    print(f"honest: {siege.honest_answered} of {siege.honest_sent} answered; peak RSS {peak} MB under a data limit of {args.mb} MB")
    for what, count in siege.count.most_common(25):
        print(f"  {count:7} {what}")
    bars = {
        "no exit": alive,
        "peak RSS under 400 MB": 0 < peak < 400,
        "the booth's own pictures at 90 %": ratio["visual_analysis"] >= 0.9,
        "the booth's own voice at 90 %": ratio["audio_analysis"] >= 0.9,
        "operator in within 1 s at every try": max(siege.entry_s) < 1,
        "honest clients answered": siege.honest_answered >= siege.honest_sent - 20 > 0,
        "/health answered": max(siege.health_s) < 3,
    }
    for bar, is_held in bars.items():
        print("held  " if is_held else "MISSED", bar)
    return all(bars.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boothd", default=f"{ROOT}/target/release/boothd")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--mb", type=int, default=512)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="siege-")
    sets = {"web.port": PORT, "state.dir": f'"{folder}/state"', "web.token": f'"{TOKEN}"', "models.dir": f'"{ROOT}/models"',
            "demo.dir": f'"{ROOT}/demo"', "video.source": '"file"', "video.file": f'"{ROOT}/demo/face_640x480.mjpeg"',
            "audio.source": '"file"', "audio.file": f'"{ROOT}/demo/speech_16k.wav"'}
    command = [args.boothd, "run"] + [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    limit = args.mb << 20
    with open(f"{folder}/log", "wb") as log:
        boothd = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    try:
        time.sleep(3)
        is_held = judge(*asyncio.run(besiege(args, boothd)), boothd, args)
    finally:
        boothd.terminate()
        boothd.wait(10)
        print(open(f"{folder}/log", errors="replace").read()[-1500:])
    sys.exit(0 if is_held else 1)


if __name__ == "__main__":
    BIG = b" " * 10_000_000
    HUGE = frame(json.dumps({"type": "video_frame", "data": {"frame": "data:image/png;base64," + base64.b64encode(huge_png()).decode()}}).encode())
    clip = open(f"{ROOT}/demo/face_640x480.mjpeg", "rb").read(1 << 20)
    small = base64.b64encode(clip[: clip.index(b"\xff\xd9") + 2]).decode()
    SMALL = frame(json.dumps({"type": "video_frame", "data": {"frame": "data:image/jpeg;base64," + small}}).encode())
    STAMPED = frame(('{"type":"video_frame","data":{"frame":"data:image/jpeg;base64,' + small + '"},"timestamp":[' + "1," * 4_500_000 + "1]}").encode())
    main()
