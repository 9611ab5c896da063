#!/usr/bin/env bash
# image/rootfs/usr/lib/booth/setup without a guest: what it makes of booth.toml. As root, in seconds:
#   tests/hardware/setup.sh BOOTHD
# In namespaces of its own: the folders and the name that it changes are not this machine's.
# tests/appliance.rs runs it.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
boothd=$(realpath "${1:?the program boothd}")
if [ -z "${INSIDE:-}" ]; then
    INSIDE=1 exec unshare --mount --uts "$0" "$boothd"
fi

for folder in /boot /run /var/lib /mnt; do mount -t tmpfs tmpfs $folder; done
mkdir -p /boot/booth /mnt/etc /mnt/bin
# The one folder that is made outside, where it is not there.
if [ ! -e /etc/boothd ]; then
    mkdir /etc/boothd
    trap 'umount /etc/boothd; rmdir /etc/boothd' EXIT
fi
mount --bind /mnt/etc /etc/boothd
ln -s "$boothd" /mnt/bin/boothd
# No account of that name need be here.
printf '#!/bin/sh\nexit 0\n' >/mnt/bin/chown
chmod +x /mnt/bin/chown
export PATH=/mnt/bin:$PATH
file=/boot/booth/booth.toml

fail() { echo "FAIL: $*" >&2; exit 1; }
start() { rm -rf /run/*; "$here/image/rootfs/usr/lib/booth/setup" >/mnt/said 2>&1 || { cat /mnt/said; fail "setup ended with $?"; }; }
has() { grep -qF -- "$2" "$1" || { cat "$1" /mnt/said; fail "$1 lacks: $2"; }; }
lacks() { ! grep -qF -- "$2" "$1" || { cat "$1"; fail "$1 has: $2"; }; }

# As it comes with the image: no policy is chosen.
cp "$here/image/boot/booth.toml" $file
start
[ ! -e /boot/booth/PROBLEM.txt ] || { cat /boot/booth/PROBLEM.txt; fail "the sample is wrong"; }
has /etc/boothd/boothd.toml 'profile = "unchosen"'
has /etc/boothd/boothd.toml 'require_consent = true'
echo "ok: no policy is chosen"

sed 's/^#profile = "eu"/profile = "eu"/' "$here/image/boot/booth.toml" >$file
start
[ ! -e /boot/booth/PROBLEM.txt ] || { cat /boot/booth/PROBLEM.txt; fail "the sample is wrong"; }
has /etc/boothd/boothd.toml 'profile = "eu"'
has /etc/boothd/boothd.toml 'source = "device"'
lacks /etc/boothd/boothd.toml unchosen
lacks /etc/boothd/boothd.toml appliance
[ "$(hostname)" = booth ] || fail "the name is $(hostname)"
[ ! -e /run/booth/authorized_keys ] || fail "SSH is open"
echo "ok: the sample"

# Every key set, by an editor of Windows.
printf '%s\r\n' '[policy]' 'profile = "default"' '[booth]' 'id = "Raum 7 / Süd"' '[web]' 'bind = "0.0.0.0"' \
    '[light]' 'path = "/sys/class/leds/input2::scrolllock"' '[appliance] # ours' 'token = "a-token-of-enough-letters"  # secret' "wifi_ssid = 'Gäste \"frei\"'" 'wifi_password = "pass word#1"' \
    'mqtt_password = "hunter2hunter2"' 'address = "10.0.0.7/24"' 'gateway = "10.0.0.1"' 'dns = "10.0.0.1"' \
    'ssh_key = "ssh-ed25519 AAAA me"' 'update_url = "https://updates.example/b.raucb"' >$file
start
[ ! -e /boot/booth/PROBLEM.txt ] || { cat /boot/booth/PROBLEM.txt; fail "it is right"; }
[ "$(cat /run/credstore/token)" = a-token-of-enough-letters ] || fail "the token is $(cat /run/credstore/token)"
[ "$(cat /run/credstore/mqtt_password)" = hunter2hunter2 ] || fail "the broker's password"
[ "$(stat -c %a /run/credstore/token)" = 400 ] || fail "who may read the token"
has /var/lib/iwd/=47c3a473746520226672656922.psk 'Passphrase=pass word#1'
has /run/systemd/network/10-booth.network 'Address=10.0.0.7/24'
has /run/booth/authorized_keys 'ssh-ed25519 AAAA me'
[ "$(readlink /run/booth/light)" = /sys/class/leds/input2::scrolllock ] || fail "the light is $(readlink /run/booth/light)"
[ "$(hostname)" = raum-7-s-d ] || fail "the name is $(hostname)"
for secret in a-token-of hunter2 'pass word'; do lacks $file "$secret"; done
has $file 'token = ""'
has /etc/boothd/boothd.toml 'require_consent = true'
has /etc/boothd/boothd.toml 'profile = "default"'
echo "ok: every key set, and no secret left in the file"

# The next start, with the file as it was left.
before=$(sha256sum /etc/boothd/boothd.toml $file)
start
[ "$before" = "$(sha256sum /etc/boothd/boothd.toml $file)" ] || fail "the second start changed something"
[ "$(cat /run/credstore/token)" = a-token-of-enough-letters ] || fail "the token is lost at the second start"
echo "ok: the second start"

# Something else is changed: the secrets stay.
sed -i 's/id = .*/id = "other"/' $file
start
[ "$(hostname)" = other ] || fail "the change was not taken"
[ "$(cat /run/credstore/token)" = a-token-of-enough-letters ] || fail "the token is lost by a change"
echo "ok: a change"

# Mistakes are reported and change nothing.
wrong() {
    cp /etc/boothd/boothd.toml /mnt/before
    printf '%s\n' '[policy]' 'profile = "eu"' "$@" >$file
    start
    [ -e /boot/booth/PROBLEM.txt ] || fail "not reported: $*"
    cmp -s /mnt/before /etc/boothd/boothd.toml || fail "changed by: $*"
    [ "$(cat /run/credstore/token)" = a-token-of-enough-letters ] || fail "the token is lost by: $*"
    [ "$(cat /run/credstore/mqtt_password)" = hunter2hunter2 ] || fail "the password is lost by: $*"
}
wrong '[appliance]' 'tokn = "a-new-token-of-enough"'
has /boot/booth/PROBLEM.txt 'line 4: [appliance] has no key tokn'
has $file a-new-token
wrong '[appliance]' 'token = a-new-token-of-enough'
has /boot/booth/PROBLEM.txt 'line 4'
wrong '[video]' 'fps = 99999'
has /boot/booth/PROBLEM.txt fps
wrong '[video]' 'fps = ['
echo "ok: mistakes are reported and change nothing"

printf '%s\n' '[policy]' 'profile = "eu"' >$file
start
[ ! -e /boot/booth/PROBLEM.txt ] || fail "PROBLEM.txt stayed"
[ ! -L /run/booth/light ] || fail "the light stayed"
[ ! -e /run/credstore/token ] || fail "a token that is no longer named stayed"
echo "ok: corrected"
echo PASS
