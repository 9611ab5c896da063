"""Bundles: a good one, one that never gets ready, and those that must be refused."""
import contextlib
import functools
import http.server
import shutil
import threading
import time
from pathlib import Path

from guest import Failed, wait_for
from steps import CONSENT, ask_for_reboot, is_healthy, same_session, session_with_summary, start_again


def update(run):
    """A signed bundle at `update_url`: not during a session; then installed, started, confirmed; all else stays."""
    _, session = run.booth.ask("/api/v1/sessions", "POST", CONSENT, limit_s=30)
    session = session["session_id"]
    with files_of(run, run.options.good_bundle) as address:
        run.configure(f'update_url = "{address}"')
        config = run.guest.shell("sha256sum /etc/boothd/boothd.toml")
        wait_for("the session is reported", lambda: session_is_reported(run), 60)
        output = tonight(run)
        if "a session runs" not in output:
            raise Failed(f"the update did not wait for the end of the session: {output}")
        run.booth.ask(f"/api/v1/sessions/{session}/end", "POST", limit_s=60)
        wait_for("no session is reported", lambda: not session_is_reported(run), 60)
        slot, before = slot_of(run), run.guest.boot_id()
        start = time.monotonic()
        run.guest.shell("systemctl start --no-block booth-update")
        run.guest.wait_for_start_after(before, 1800)
        took_s = time.monotonic() - start
        start_again(run)
        # The next night: it is not fetched again.
        output = tonight(run)
        if "nothing new" not in output:
            raise Failed(f"the same update once more: {output}")
    other = slot_of(run)
    if other == slot:
        raise Failed("the update was not started")
    version = run.guest.shell("cat /etc/booth-release | tr '\\n' ' '")
    wait_for("the update is confirmed", lambda: f"{other}_CONFIRMED=1" in grub_variables(run), 900, every_s=5)
    same_session(run, [session])
    if run.guest.shell("sha256sum /etc/boothd/boothd.toml") != config:
        raise Failed("the configuration changed")
    run.guest.shell("sed -i '/^update_url/d' /boot/booth/booth.toml && systemctl restart booth-setup", 120)
    run.result("good update", f"from its address, after the session: slot {slot} to {other} in {took_s:.0f} s ({version}), "
               "confirmed, session and configuration kept")


def other_slot(run):
    """The other version by hand, as in docs/guide/image.md; after `update`, which fills both slots."""
    slot = slot_of(run)
    run.guest.shell("rauc status mark-active other", 120)
    ask_for_reboot(run)
    start_again(run)
    if slot_of(run) == slot:
        raise Failed(f"slot {slot} was started again")
    run.result("rauc status mark-active other", f"slot {slot} to {slot_of(run)}, healthy")


def bad_update(run):
    """A boothd that never gets ready: the slot from before comes back by itself."""
    session = session_with_summary(run)
    # Long enough for a start here, and shorter than a booth's 10 minutes.
    limit_s = max(120, round(3 * run.start_s))
    run.guest.shell(f"sed -i 's/\"$/ booth.confirm_s={limit_s}\"/' /boot/booth/kernel.cfg")
    slot, boot_id = slot_of(run), run.guest.boot_id()
    with files_of(run, run.options.bad_bundle) as address:
        run.guest.shell(f"booth-update {address} >/run/booth-update.log 2>&1 &")
        run.guest.wait_for_start_after(boot_id, 1800)
    tried, boot_id = slot_of(run), run.guest.boot_id()
    if tried == slot:
        raise Failed("the bad update was not tried")
    start = time.monotonic()
    run.guest.wait_for_start_after(boot_id, 1800)
    back_s = time.monotonic() - start
    now = slot_of(run)
    if now != slot:
        raise Failed(f"slot {now} was started instead of {slot}")
    run.plug_in()
    run.wait_health("healthy", is_healthy, 1200)
    same_session(run, [session])
    run.guest.shell("sed -i 's/ booth.confirm_s=[0-9]*//' /boot/booth/kernel.cfg")
    # Published again, so that it is fetched and its version is looked at.
    run.options.bad_bundle.touch()
    with files_of(run, run.options.bad_bundle) as address:
        run.configure(f'update_url = "{address}"')
        if "did not come up" not in tonight(run):
            raise Failed("the bad update would be tried again each night")
        run.configure_as_before()
    run.result("bad update", f"slot {tried} was tried, {slot} is back by itself after {back_s:.0f} s (gate: {limit_s} s)")


def unsigned(run):
    """A bundle with a foreign signature touches nothing; one that was changed is noticed, and never started."""
    state = ("cat /boot/booth/grub/grubenv; for n in 2 3; do dd if=/dev/disk/by-partuuid/b007d000-0$n bs=1M count=1 2>/dev/null; done | sha256sum")
    slot = slot_of(run)
    other = "B" if slot == "A" else "A"
    before = run.guest.shell(state)
    output = refused(run, run.options.foreign_bundle, "signature verification failed")
    with files_of(run, run.options.foreign_bundle) as address:
        run.configure(f'update_url = "{address}"')
        nightly = tonight(run)
        run.configure_as_before()
    if "signature verification failed" not in nightly:
        raise Failed(f"the nightly update did not report why: {nightly}")
    if run.guest.shell(state) != before:
        raise Failed(f"a foreign key's bundle was written: {output}")
    run.result("a foreign key's bundle", output)
    # The signature holds until the block is read: dm-verity finds it then.
    output = refused(run, run.options.changed_bundle, "Input/output error")
    variables = dict(line.split("=", 1) for line in grub_variables(run).splitlines())
    if variables["ORDER"][0] != slot or variables.get(f"{other}_OK") != "0":
        raise Failed(f"a changed bundle would be started: {variables}")
    run.result("a changed bundle", f"{output}; slot {other} must not be started")


def refused(run, bundle, why):
    """RAUC's refusal of a bundle, for that reason."""
    with files_of(run, bundle) as address:
        output = run.guest.shell(f"booth-update {address}; echo ended with $?", 900)
    if "ended with 0" in output or why not in output:
        raise Failed(f"it should be refused with \"{why}\": {output}")
    return "refused: " + " ".join(line for line in output.splitlines() if "LastError" in line)[-200:]


def session_is_reported(run):
    return "session running" in run.guest.shell("systemctl show --value -p StatusText boothd")


def tonight(run):
    """The output of the nightly update, begun now."""
    since = run.guest.shell("journalctl --show-cursor -n 0 | sed -n 's/^-- cursor: //p'")
    run.guest.shell("systemctl start booth-update", 600, check=False)
    return run.guest.shell(f"journalctl --after-cursor='{since}' -u booth-update -o cat --no-pager")


def slot_of(run):
    return run.guest.shell("sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline")


def grub_variables(run):
    return run.guest.shell("grub-editenv /boot/booth/grub/grubenv list")


class Files(http.server.SimpleHTTPRequestHandler):
    """A server of files that knows what its reader has."""

    def do_GET(self):
        path = Path(self.directory) / Path(self.path).name
        tag = f'"{path.stat().st_mtime_ns:x}"'
        known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if known else 200)
        self.send_header("ETag", tag)
        if not known:
            self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        if not known:
            with path.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def files_of(run, bundle):
    """The bundle's address in the guest's network."""
    handler = functools.partial(Files, directory=Path(bundle).parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", run.options.files_port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://10.0.2.2:{run.options.files_port}/{Path(bundle).name}"
    finally:
        server.shutdown()
        server.server_close()
