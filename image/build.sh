#!/usr/bin/env bash
# The appliance: image/build.sh amd64|arm64 BOOTHD.deb FOLDER
# As root, after scripts/install-packages.sh image. Makes in FOLDER
#   boothd-ARCH.img     for the card or the disk (dd, Etcher, rpi-imager)
#   boothd-ARCH.raucb   the same root as a signed update
#   boothd-ARCH.packages, .sha256
# and keeps base-ARCH.tar, the Debian below; without it the Debian is fetched anew.
# SIGN_CERT, SIGN_KEY and KEYRING (PEM) sign updates and say whose are taken; where they are not
# set, FOLDER/keys gets a key for trying out. VERSION names the image (default: the package's);
# SQUASHFS_LEVEL=1 is quick and a fifth larger.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

architecture=${1:?amd64 or arm64} package=$(realpath "${2:?the package of boothd}")
mkdir -p "${3:?the folder for the results}"
out=$(realpath "$3")
# The time of every file: of the last commit, or what the caller says.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
version=${VERSION:-$(dpkg-deb -f "$package" Version)}
name=boothd-$architecture
work=$out/work-$architecture
root=$work/root
# The partitions, MiB (genimage-*.cfg): the boot partition begins at 4.
slot_mib=512
boot_mib=64
[ "$architecture" = amd64 ] || boot_mib=192

clean_up() { ! mountpoint -q "$root/proc" || umount "$root/proc"; rm -rf "$work"; }
trap clean_up EXIT
rm -rf "$work"
mkdir -p "$work" "$out"
step() { echo "-- $*"; }
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" "$@"; }

keys() {
    if [ -z "${SIGN_CERT:-}" ]; then
        SIGN_CERT=$out/keys/cert.pem SIGN_KEY=$out/keys/key.pem
        if [ ! -e "$SIGN_KEY" ]; then
            step "a key for trying out in $out/keys"
            mkdir -p "$out/keys"
            openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days 7300 -subj "/O=boothd/CN=boothd for trying out" \
                -keyout "$SIGN_KEY" -out "$SIGN_CERT" 2>/dev/null
        fi
    fi
    KEYRING=${KEYRING:-$SIGN_CERT}
}

# Debian, boothd, and what image/rootfs lays over it.
make_root() {
    local base=$out/base-$architecture.tar
    [ -e "$base" ] || "$here/base.sh" "$architecture" "$base"
    step "root: boothd $version"
    mkdir "$root"
    tar -C "$root" -xf "$base"
    cp "$package" "$root/boothd.deb"
    mount -t proc proc "$root/proc"
    # The data partition outlives the root: the owner of its files has the same number in each.
    in_root systemd-sysusers --inline 'g boothd 900' 'u boothd 900:900 "boothd interview booth" /var/lib/boothd'
    in_root dpkg --install /boothd.deb >"$work/dpkg" || { cat "$work/dpkg"; exit 1; }
    rm "$root/boothd.deb"
    # Not -a: the owner is root, whoever has checked it out.
    cp -rL --preserve=mode,timestamps "$here/rootfs/." "$root/"
    chown -R root:root "$root/etc" "$root/usr/lib/booth"
    # What a new data partition begins with; git keeps no empty folders.
    mkdir -p "$root/usr/share/booth/data/boothd" "$root/usr/share/booth/data/var"
    sed -i "s/@ARCHITECTURE@/$architecture/" "$root/etc/rauc/system.conf"
    [ "$architecture" = amd64 ] || sed -i 's/^bootloader=.*/bootloader=uboot/; /^grubenv=/d' "$root/etc/rauc/system.conf"
    install -m 644 "$KEYRING" "$root/etc/rauc/keyring.pem"
    printf 'NAME=boothd\nVERSION=%s\nARCHITECTURE=%s\n' "$version" "$architecture" >"$root/etc/booth-release"
    ln -s /usr/lib/booth/update "$root/usr/sbin/booth-update"
    mkdir -p "$root/boot/booth" "$root/data" "$root/etc/boothd"
    in_root systemctl --quiet enable boothd ssh iwd booth-data booth-setup booth-confirm booth-update.timer \
        systemd-networkd systemd-resolved systemd-timesyncd
    # apt updates nothing on a root that is never written; RAUC does. A console nobody can log in at is closed.
    in_root systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
        e2scrub_all.timer e2scrub_reap.service getty@tty1.service boothd-fleet.service
    in_root systemctl --quiet mask systemd-networkd-wait-online.service systemd-machine-id-commit.service
    in_root dpkg-query -W -f '${Package} ${Version}\n' >"$out/$name.packages"
    umount "$root/proc"
}

# Nothing of the machine that builds, nothing that two builds would not have in common.
tidy() {
    : >"$root/etc/machine-id"
    rm -f "$root/var/lib/dbus/machine-id" "$root/etc/ssh/"ssh_host_* "$root/etc/resolv.conf" "$root/var/cache/ldconfig/aux-cache"
    ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
    echo booth >"$root/etc/hostname"
    rm -rf "$root/var/log/"* "$root/var/cache/apt/"* "$root/var/lib/apt/lists/"* "$root/tmp/"* "$root/run/"* \
        "$root/var/cache/debconf/"*-old "$root/var/lib/dpkg/"*-old "$root/usr/share/perl" "$root/usr/lib/grub"
}

make_slot() {
    step "root.squashfs"
    # gzip: GRUB reads the kernel from it. No time in it is after SOURCE_DATE_EPOCH.
    mksquashfs "$root" "$work/rootfs.img" -noappend -no-progress -quiet -comp gzip \
        -Xcompression-level "${SQUASHFS_LEVEL:-6}" -b 131072 -no-xattrs
    local mib=$(($(stat -c %s "$work/rootfs.img") / 1048576 + 1))
    echo "root: $mib MiB of $slot_mib"
    [ "$mib" -le "$slot_mib" ] || { echo "$0: the root does not fit into its slot" >&2; exit 1; }
}

make_bundle() {
    step "$name.raucb"
    mkdir "$work/bundle"
    ln "$work/rootfs.img" "$work/bundle/rootfs.img"
    printf '[update]\ncompatible=%s\nversion=%s\n\n[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.img\n' \
        "$name" "$version" >"$work/bundle/manifest.raucm"
    if [ "$architecture" = arm64 ]; then
        cp "$here/boot/fill-folder" "$work/bundle/"
        printf 'hooks=post-install\n\n[hooks]\nfilename=fill-folder\n' >>"$work/bundle/manifest.raucm"
    fi
    rm -f "$out/$name.raucb"
    rauc --cert="$SIGN_CERT" --key="$SIGN_KEY" --keyring="$KEYRING" bundle "$work/bundle" "$out/$name.raucb" >/dev/null
}

# GRUB for BIOS and UEFI, its menu and its memory, booth.toml.
boot_files_amd64() {
    local modules="part_msdos fat squash4 normal linux loadenv test true regexp echo sleep reboot configfile minicmd"
    mkdir -p "$1/EFI/BOOT" "$1/grub"
    # No device before the comma: the disk that it was started from.
    grub-mkimage -O i386-pc -p '(,msdos1)/grub' -o "$work/core.img" biosdisk serial $modules
    grub-mkimage -O x86_64-efi -p '(,msdos1)/grub' -o "$1/EFI/BOOT/BOOTX64.EFI" serial efi_gop efi_uga $modules
    # Its code only: genimage writes the table of partitions behind it.
    head -c 440 /usr/lib/grub/i386-pc/boot.img >"$work/boot.img"
    cp "$here/boot/grub.cfg" "$1/grub/"
    grub-editenv "$1/grub/grubenv" create
    # A is what was written; nothing is in B yet.
    grub-editenv "$1/grub/grubenv" set 'ORDER=A B' A_OK=1 A_TRY=0 A_CONFIRMED=1 B_OK=0 B_TRY=0
    cp "$1/grub/grubenv" "$1/grub/grubenv.bak"
}

# The firmware, U-Boot and its memory, each slot's kernel.
boot_files_arm64() {
    mkdir -p "$1/A"
    rm "$1/kernel.cfg"
    cp "$here/boot/kernel.txt" "$here/boot/config.txt" "$1/"
    cp "$root/usr/lib/raspi-firmware/"{start4.elf,fixup4.dat} "$root/usr/lib/u-boot/rpi_arm64/u-boot.bin" \
        "$root"/usr/lib/linux-image-*/broadcom/bcm2711-rpi-{4-b,400,cm4-io}.dtb "$1/"
    cp -L "$root/vmlinuz" "$root/initrd.img" "$1/A/"
    mkimage -q -A arm64 -T script -C none -d "$here/boot/boot.cmd" "$1/boot.scr" >/dev/null
    mkenvimage -s 0x4000 -o "$1/uboot.env" "$here/boot/uboot.txt"
}

make_image() {
    step "$name.img"
    mkdir "$work/boot" "$work/images"
    cp "$here/boot/booth.toml" "$here/boot/kernel.cfg" "$work/boot/"
    "boot_files_$architecture" "$work/boot"
    find "$work/boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    truncate -s ${boot_mib}M "$work/boot.vfat"
    mkfs.vfat --invariant -i b007d001 -n BOOTH "$work/boot.vfat" >/dev/null
    (cd "$work/boot" && mcopy -i "$work/boot.vfat" -s -m -- * ::)
    genimage --loglevel 1 --rootpath "$work/images" --inputpath "$work" --outputpath "$work" --tmppath "$work/genimage" \
        --config "$here/genimage-$architecture.cfg"
    # The other slot and the data have no content yet; the card has the room, the file need not.
    truncate -s $(((4 + boot_mib) * 1048576 + $(stat -c %s "$work/rootfs.img"))) "$work/booth.img"
    mv "$work/booth.img" "$out/$name.img"
    (cd "$out" && sha256sum "$name.img" "$name.raucb" | tee "$name.sha256")
    ls -l "$out/$name.img" "$out/$name.raucb"
}

keys
make_root
tidy
make_slot
make_bundle
make_image
