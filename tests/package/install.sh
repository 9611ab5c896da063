#!/usr/bin/env bash
# A .deb in a fresh Debian: installs, runs, upgrades, removes, purges. As root, on Debian.
#
#   tests/package/install.sh amd64|arm64 PACKAGE.deb NEWER_PACKAGE.deb
#
# The Debian is made once, from the mirrors that this machine's apt uses, and kept in target/chroot.
# arm64 needs `scripts/emulated.sh` in front.
set -euo pipefail
cd "$(dirname "$0")/../.."

architecture=${1:?amd64 or arm64}
old=${2:?the package} new=${3:?a newer package}
base=target/chroot/$architecture.tar
work=$(mktemp -d)
root=$work/root
port=18765
daemon=

clean_up() {
    [ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true
    for at in dev/pts dev proc; do umount "$root/$at" 2>/dev/null || true; done
    rm -rf "$work"
}
trap clean_up EXIT

fail() { echo "FAIL: $*" >&2; exit 1; }
step() { echo "-- $*"; }
# No service manager runs in there: what the package would start, it may not.
clean=(/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
in_root() { chroot "$root" "${clean[@]}" "$@"; }
# As the service does it: its account, its configuration, its folder.
service=(boothd --config /etc/boothd/boothd.toml --set state.dir=/var/lib/boothd)
as_service() { chroot --userspec=boothd:boothd "$root" "${clean[@]}" "${service[@]}" "$@"; }
holds() { grep -q -- "$2" "$root/$1" || fail "/$1 has lost: $2"; }

# What the package depends on is in the base: nothing is fetched while the package is judged.
make_base() {
    [ ! -e "$base" ] || return 0
    step "making a Debian bookworm for $architecture, once"
    mkdir -p target/chroot
    local sources=/etc/apt/sources.list.d/debian.sources
    [ -e $sources ] || sources=/etc/apt/sources.list
    mmdebstrap --format=tar --architectures="$architecture" --variant=minbase \
        --include=libasound2,systemd,ca-certificates bookworm "$base.part" $sources
    mv "$base.part" "$base"
}

unpack() {
    mkdir "$root"
    tar -C "$root" --exclude=./dev/* -xf "$base"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    for node in null zero full random urandom tty; do
        cp -a "/dev/$node" "$root/dev/"
    done
    cp "$old" "$root/old.deb"
    cp "$new" "$root/new.deb"
    # apt's own accounts may not read the folder above.
    chmod 755 "$work"
}

version_of() { dpkg-deb -f "$1" Version; }

start() {
    ! curl -s "http://127.0.0.1:$port/health" >/dev/null || fail "another program is at port $port"
    # No shell between: the process that is stopped is boothd.
    chroot --userspec=boothd:boothd "$root" "${clean[@]}" "${service[@]}" --set "web.port=$port" "$@" run \
        >"$work/log" 2>&1 &
    daemon=$!
}

# Until the page $1 has a line that matches $2, for two minutes at most (an emulated processor is slow).
wait_for() {
    local page=$1 pattern=$2
    for _ in $(seq 240); do
        if curl -s "http://127.0.0.1:$port/$page" >"$work/page" && grep -E -m1 -- "$pattern" "$work/page" >"$work/found"; then
            return 0
        fi
        kill -0 "$daemon" 2>/dev/null || fail "boothd has ended: $(cat "$work/log")"
        sleep 0.5
    done
    fail "/$page never had $pattern: $(head -c 4000 "$work/page")"
}

stop() {
    kill -TERM "$daemon"
    wait "$daemon" || fail "boothd ended with $?: $(tail -5 "$work/log")"
    daemon=
}

install_it() {
    step "install $(version_of "$old")"
    in_root apt-get install -y --no-install-recommends /old.deb >"$work/apt" 2>&1 ||
        { cat "$work/apt"; fail "apt-get install"; }
    in_root boothd --version
    in_root boothd --config /etc/boothd/boothd.toml check-config
    in_root id boothd | grep -q 'video.*audio\|audio.*video' || fail "the account boothd is not in video and audio"
    [ "$(stat -c '%U %a' "$root/etc/boothd/boothd.toml")" = "root 644" ] || fail "who owns boothd.toml"
    [ "$(in_root stat -c '%U %a' /var/lib/boothd)" = "boothd 700" ] || fail "who owns /var/lib/boothd"
    [ -L "$root/etc/systemd/system/multi-user.target.wants/boothd.service" ] || fail "boothd is not enabled"
    [ ! -e "$root/etc/systemd/system/multi-user.target.wants/boothd-fleet.service" ] ||
        fail "the fleet server is enabled"
    in_root systemd-analyze verify --man=no boothd.service boothd-fleet.service
    local kib
    kib=$(in_root dpkg-query -W -f '${Installed-Size}' boothd)
    echo "installed: $kib KiB; boothd: $(stat -c %s "$root/usr/bin/boothd") bytes"
    [ "$kib" -le $((30000000 / 1024)) ] || fail "over 30 MB"
}

run_it() {
    step "as it is installed it waits for consent"
    start
    wait_for health '"profile":"eu","require_consent":true'
    wait_for health '"analysing":false'
    # An emulated processor loads models for longer than boothd waits at its end.
    wait_for health '"vision":\{"state":"running"'
    stop
    step "on the demo clip"
    start --set video.source=file --set video.file=/usr/share/boothd/demo/face_640x480.mjpeg \
        --set audio.source=file --set audio.file=/usr/share/boothd/demo/speech_16k.wav \
        --set policy.require_consent=false --set web.metrics_public=true
    wait_for health '"status":"healthy"'
    # Pictures and sound are analysed, not only promised.
    wait_for metrics '^boothd_stage_duration_seconds_count.*stage="vision".* [1-9]'
    cat "$work/found"
    wait_for metrics '^boothd_stage_duration_seconds_count.*stage="speech".* [1-9]'
    cat "$work/found"
    stop
}

change() {
    step "the operator changes things"
    echo 'id = "changed-by-hand"' >"$work/id"
    sed -i "/^#id = /r $work/id" "$root/etc/boothd/boothd.toml"
    as_service token add --name kept --role viewer >"$work/token"
    [ -e "$root/var/lib/boothd/boothd.db" ] || fail "no database: $(ls "$root/var/lib/boothd")"
}

upgrade() {
    step "upgrade to $(version_of "$new")"
    in_root apt-get install -y --no-install-recommends /new.deb >"$work/apt" 2>&1 ||
        { cat "$work/apt"; fail "apt-get install"; }
    [ "$(in_root dpkg-query -W -f '${Version}' boothd)" = "$(version_of "$new")" ] || fail "not upgraded"
    holds etc/boothd/boothd.toml changed-by-hand
    as_service token list | grep kept || fail "the token is lost"
}

remove() {
    step "remove"
    in_root dpkg --remove boothd >"$work/apt" 2>&1 || { cat "$work/apt"; fail "dpkg --remove"; }
    [ ! -e "$root/usr/bin/boothd" ] || fail "the program stayed"
    [ ! -e "$root/usr/share/boothd" ] || fail "the models stayed"
    [ -e "$root/var/lib/boothd/boothd.db" ] || fail "the data went"
    holds etc/boothd/boothd.toml changed-by-hand
}

purge() {
    step "purge"
    in_root dpkg --purge boothd >"$work/apt" 2>&1 || { cat "$work/apt"; fail "dpkg --purge"; }
    local left
    left=$(find "$root" -xdev -path "$root/proc" -prune -o -iname '*boothd*' -print | grep -v '/var/log/' || true)
    [ -z "$left" ] || fail "left after purge: $left"
}

make_base
unpack
install_it
run_it
change
upgrade
remove
purge
echo "PASS: $architecture"
