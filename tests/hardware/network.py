"""Who may come in, and over which network."""
import re
import subprocess

from guest import Failed, wait_for


def ssh(run):
    """Off until booth.toml has a key; then that key, and nothing else, is let in."""
    key = run.folder / "ssh_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key], check=True)
    run.configure(f'ssh_key = "{key.with_suffix(".pub").read_text().strip()}"')
    run.guest.shell("systemctl start ssh", 300)
    came_in = over_ssh(run, "-i", key)
    if came_in.returncode or "is root" not in came_in.stdout:
        raise Failed(f"the key is not let in: {came_in.stderr}")
    refused = over_ssh(run, "-o", "PubkeyAuthentication=no")
    if refused.returncode == 0 or "Permission denied (publickey)" not in refused.stderr:
        raise Failed(f"without the key: {refused.stdout} {refused.stderr}")
    run.result("SSH", "closed by itself; root with the key of booth.toml; no password is asked for")
    run.configure_as_before()
    run.guest.shell("systemctl stop ssh")


def over_ssh(run, *more):
    return subprocess.run(
        ["ssh", "-F", "none", "-p", str(run.guest.ssh_port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", *more, "root@127.0.0.1", "echo $(id -un) is root; boothd --version"],
        capture_output=True, text=True, timeout=300)


AIR = "192.168.77"


def wifi(run):
    """Two of the kernel's radios without an antenna: one is an access point, the other is the booth's."""
    run.guest.shell("modprobe mac80211_hwsim radios=2", 300)
    run.configure('wifi_ssid = "Gäste frei"\nwifi_password = "pass word#1"\nwifi_country = "DE"')
    run.guest.shell(
        f"printf '[Match]\\nName=wlan1\\n[Network]\\nAddress={AIR}.1/24\\nDHCPServer=yes\\n' >/run/systemd/network/05-air.network; "
        "chmod 644 /run/systemd/network/05-air.network; networkctl reload; systemctl start iwd", 300)
    wait_for("iwd sees both radios", lambda: "wlan1" in run.guest.shell("iwctl device list", check=False), 120)
    run.guest.shell("iwctl device wlan1 set-property Mode ap && iwctl ap wlan1 start 'Gäste frei' 'pass word#1'", 120)
    wait_for("the booth's address over the air", lambda: AIR in run.guest.shell("ip -4 -o addr show wlan0"), 300)
    output = run.guest.shell("iwctl station wlan0 show")
    if not re.search(r"State\s+connected", output):
        raise Failed(output)
    run.result("Wi-Fi", "WPA2 with the name and the password of booth.toml, address by DHCP (mac80211_hwsim)")
    run.guest.shell("iwctl ap wlan1 stop; systemctl stop iwd; rm /run/systemd/network/05-air.network; networkctl reload; rmmod mac80211_hwsim", 120)
    run.configure_as_before()
