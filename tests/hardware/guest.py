"""The appliance in QEMU: a disk made from the image, a root shell on the second serial line.

Without KVM the guest is 20 to 50 times slower than a board: what it takes is waited for, never
taken for granted after a while.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

BOOT_OFFSET = "4M"
DISK_BYTES = 4 << 30


class Failed(Exception):
    """What was to be shown is not so."""


def wait_for(what, condition, limit_s, every_s=0.5):
    """Until `condition()` gives something true: that, and the seconds that it took."""
    start = time.monotonic()
    while True:
        found = condition()
        took_s = time.monotonic() - start
        if found:
            return found, took_s
        if took_s > limit_s:
            raise Failed(f"{what}: not within {limit_s} s")
        time.sleep(every_s)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Guest:
    """One booth on one disk; it may be started many times."""

    def __init__(self, folder, image, tools):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk = self.folder / "disk.img"
        self.tools = tools
        self.web_port = free_port()
        self.ssh_port = free_port()
        self.process = None
        self.shell_socket = None
        self.has_shell = False
        self.serial = self.folder / "serial.log"
        self.count = 0
        if image:
            subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
            os.truncate(self.disk, DISK_BYTES)

    def put(self, name, text):
        """Writes a file on the boot partition, as with the card in a computer."""
        path = self.folder / Path(name).name
        path.write_text(text)
        subprocess.run(["mcopy", "-o", "-i", f"{self.disk}@@{BOOT_OFFSET}", path, f"::/{name}"], check=True)

    def get(self, name):
        """A file of the boot partition, or None."""
        result = subprocess.run(["mtype", "-i", f"{self.disk}@@{BOOT_OFFSET}", f"::/{name}"], capture_output=True)
        return result.stdout.decode() if result.returncode == 0 else None

    def take(self, name, to):
        """A file of the boot partition into this folder."""
        subprocess.run(["mcopy", "-o", "-i", f"{self.disk}@@{BOOT_OFFSET}", f"::/{name}", self.folder / to], check=True)

    def ask_for_shell(self):
        """A root shell on the second serial line, in the way that is for rescues."""
        self.put("kernel.cfg", 'set words="systemd.debug_shell=ttyS1 console=ttyS0,115200"\n')

    def machine(self):
        """QEMU's words for the board, its processor and where its system comes from."""
        return [
            "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512",
            # la57=off: five levels of page tables cost a third of the speed. Never tsc=reliable.
            # Without AVX and FMA the models' kernels are ten times as fast: QEMU emulates a fused
            # multiply-add in software, on some hosts a frame took 20 s, and boothd was never ready.
            "-cpu", "max,la57=off,-avx,-avx2,-fma,-f16c", "-device", "i6300esb", "-action", "watchdog=reset",
        ]

    def start(self, more=()):
        """With more words for QEMU, such as another firmware."""
        (self.folder / "shell").unlink(missing_ok=True)
        command = [
            *self.machine(), "-m", "1024", "-smp", "2", "-nodefaults", "-display", "none",
            "-chardev", f"file,id=log,path={self.serial},append=on", "-serial", "chardev:log",
            "-serial", f"unix:{self.folder}/shell,server,nowait",
            # A cut takes what the guest has not written yet. A disk that loses what it was ordered to
            # keep is not shown so; tests/power_cut.rs does, sector by sector.
            "-drive", f"file={self.disk},if=none,id=card,format=raw,cache=writeback",
            "-device", "virtio-blk-pci,drive=card,serial=card",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.web_port}-:8000,"
            f"hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22",
            "-device", "virtio-net-pci,netdev=net,romfile=", *more,
        ]
        if self.tools:
            command += ["-drive", f"file={self.tools},if=none,id=tools,format=raw,readonly=on",
                        "-device", "virtio-blk-pci,drive=tools,serial=tools"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.started_at = time.monotonic()
        self.shell_socket = socket.socket(socket.AF_UNIX)
        wait_for("QEMU", self.connects, 60, every_s=0.1)

    def connects(self):
        self.check_that_it_runs()
        try:
            self.shell_socket.connect(str(self.folder / "shell"))
            return True
        except OSError:
            return False

    def check_that_it_runs(self):
        if self.process.poll() is not None:
            raise Failed(f"QEMU has ended with {self.process.returncode}")

    def cut(self):
        """The plug is pulled."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.forget_shell()

    def power_off(self):
        """An orderly end."""
        self.shell("systemctl --no-block poweroff")
        self.process.wait(600)
        self.forget_shell()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.cut()

    def forget_shell(self):
        self.has_shell = False
        if self.shell_socket:
            self.shell_socket.close()
            self.shell_socket = None

    def open_shell(self, limit_s=600):
        """The root shell of systemd.debug_shell; it is there long before the booth is ready.

        Nothing is sent before it has shown its prompt: what waits in the serial port while the
        kernel starts costs the port its interrupt, and the shell is deaf until the next start.
        """
        if self.has_shell:
            return
        self.listen_for("# ", limit_s)
        # The words stand apart, so that the echo of the line is not taken for the answer.
        self.shell_socket.sendall(b"stty -echo; exec env TERM=dumb PS1= PS2= sh\necho he''llo\n")
        self.listen_for("hello\r\n", limit_s)
        self.has_shell = True
        self.shell("mkdir -p /run/tools; mountpoint -q /run/tools || mount -o ro /dev/disk/by-id/virtio-tools /run/tools", 60)
        # An emulated processor is slower than any board: with the unit's share of one, a frame takes
        # longer than the 10 s after which the booth rightly reports that it is not analysed.
        self.shell("systemctl set-property --runtime boothd.service CPUQuota=200%", 60)

    def listen_for(self, words, limit_s):
        """The output of the shell's line until these words have come."""
        deadline = time.monotonic() + limit_s
        self.shell_socket.settimeout(2)
        seen = ""
        while words not in seen:
            self.check_that_it_runs()
            if time.monotonic() > deadline:
                raise Failed(f"a root shell in the guest: not within {limit_s} s: {seen[-500:]}")
            try:
                piece = self.shell_socket.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                raise Failed("QEMU has closed the shell's line")
            seen += piece.decode(errors="replace")

    def shell(self, command, limit_s=120, check=True):
        """What a command line prints, its errors too."""
        self.count += 1
        begin, end = f"@begin{self.count}@", f"@end{self.count}@"
        # The words stand apart: where the terminal echoes the line, it is not taken for the answer.
        line = f"echo '@begin''{self.count}@'; {{ {command}\n}} 2>&1; echo \"@end\"\"{self.count}@$?;\"\n"
        # A shell that a restart has ended prints nothing more: the limit is checked, too.
        self.shell_socket.settimeout(min(limit_s, 2))
        self.shell_socket.sendall(line.encode())
        deadline = time.monotonic() + limit_s
        seen = ""
        while not (end in seen and ";" in seen[seen.find(end):]):
            if time.monotonic() > deadline:
                raise Failed(f"`{command}` did not end within {limit_s} s: {seen[-2000:]}")
            try:
                piece = self.shell_socket.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                raise Failed(f"the guest is gone during `{command}`")
            seen += piece.decode(errors="replace").replace("\r", "")
        # A shell that is new (the guest has restarted) does not know what was begun.
        if begin not in seen:
            raise Failed(f"the guest has restarted before `{command}`")
        output = seen[seen.rindex(begin) + len(begin):seen.find(end)]
        # What is echoed of the lines behind the first.
        output = output.replace("} 2>&1; echo \"@end\"\"" + f"{self.count}@$?;\"\n", "")
        status = int(seen[seen.find(end) + len(end):].split(";")[0])
        if check and status:
            raise Failed(f"`{command}` ended with {status}: {output[-2000:]}")
        return output.strip()

    def uptime_s(self):
        return float(self.shell("cut -d' ' -f1 /proc/uptime"))

    def boot_id(self):
        return self.shell("cat /proc/sys/kernel/random/boot_id", 30)

    def wait_for_start_after(self, boot_id, limit_s):
        """Waits until the guest has restarted by itself; the shell is the new start's."""
        self.has_shell = False
        self.open_shell(limit_s)
        if self.boot_id() == boot_id:
            raise Failed("a new shell, and not a new start")

    def last_lines(self, count=40):
        text = self.serial.read_bytes().decode(errors="replace") if self.serial.exists() else ""
        return "\n".join(text.splitlines()[-count:])

    def partition(self, number):
        """Where it begins on the disk and how long it is, in bytes."""
        table = json.loads(subprocess.run(["sfdisk", "--json", self.disk], check=True, capture_output=True).stdout)
        entry = table["partitiontable"]["partitions"][number - 1]
        return entry["start"] * 512, entry["size"] * 512

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
