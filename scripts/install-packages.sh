#!/usr/bin/env bash
# Installs the Debian packages that are missing for: build | test | package | cross | image | hardware | hardware-arm64.
# Quiet when none is.
set -euo pipefail

case "${1:-}" in
    # libclang reads the V4L2 headers; ALSA is linked; cmake and nasm build libjpeg-turbo.
    build) packages=(gcc libc6-dev pkg-config libasound2-dev libclang-dev cmake nasm) ;;
    # mosquitto is the broker of the tests, nginx and Caddy are the reverse proxies, systemd has
    # systemd-analyze, which judges the units.
    test)  packages=(gcc libc6-dev pkg-config libasound2-dev libclang-dev cmake nasm libasound2-plugins mosquitto nginx-light caddy systemd) ;;
    # A Debian to install the package in, and what judges it.
    package) packages=(gcc libc6-dev pkg-config libasound2-dev libclang-dev cmake nasm binutils dpkg-dev python3 curl mmdebstrap lintian) ;;
    # arm64: compiler, libraries and an emulator. Rust's arm64 part is added below.
    cross) packages=(gcc libc6-dev pkg-config libclang-dev cmake gcc-aarch64-linux-gnu g++-aarch64-linux-gnu
                     libasound2-dev:arm64 libasound2-plugins:arm64 qemu-user-static arch-test) ;;
    # The appliance: Debian's parts, the disk, the updates. arm64 needs `cross` too.
    image) packages=(mmdebstrap genimage squashfs-tools dosfstools mtools e2fsprogs fdisk rauc openssl
                     grub-common grub-pc-bin grub-efi-amd64-bin u-boot-tools) ;;
    # The appliance in QEMU; the headers of its kernel are installed by tests/hardware/tools.sh.
    hardware) packages=(qemu-system-x86 seabios ovmf fdisk openssh-client mtools squashfs-tools rauc openssl mosquitto mosquitto-clients
                        gcc libc6-dev make libasound2-dev python3) ;;
    hardware-arm64) packages=(qemu-system-arm mtools fdisk python3) ;;
    *) echo "usage: $0 build|test|package|cross|image|hardware|hardware-arm64" >&2; exit 2 ;;
esac

# The page is tested in real browsers. Whoever has node, Chromium or Firefox from elsewhere keeps it.
if [ "$1" = test ]; then
    command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)
    [ -x /usr/bin/chromium ] || packages+=(chromium)
    [ -x /usr/bin/firefox-esr ] || packages+=(firefox-esr)
    # Any nginx and any Caddy will do.
    command -v /usr/sbin/nginx >/dev/null && packages=("${packages[@]/nginx-light/}")
    command -v caddy >/dev/null && packages=("${packages[@]/caddy/}")
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep .)
    # Home Assistant and mqtt-exporter get environments of their own (tests/consumers/install.rs).
    can_make_environments() {
        for python in python3.11 python3.12 python3; do
            "$python" -c 'import sys, venv, ensurepip
sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && return
        done
        return 1
    }
    can_make_environments || packages+=(python3 python3-venv)
    # It fetches ONNX Runtime's library.
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
fi

# rustup's Rust takes `rustup target add aarch64-unknown-linux-gnu`; where that is not, Debian's Rust.
if [ "$1" = cross ]; then
    arm64_std=$(rustc --print target-libdir --target aarch64-unknown-linux-gnu 2>/dev/null || true)
    compgen -G "$arm64_std/libstd-*.rlib" >/dev/null ||
        packages+=(rustc-web libstd-rust-web-dev libstd-rust-web-dev:arm64)
fi

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian system: please install the equivalents of: ${packages[*]}" >&2
    exit 0
fi
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Please run as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
[ "$1" != cross ] || "${as_root[@]}" dpkg --add-architecture arm64
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
