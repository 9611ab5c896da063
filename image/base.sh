#!/usr/bin/env bash
# The Debian under the appliance as a tar file, without boothd: image/base.sh amd64|arm64 FILE.tar
# As root; from the mirrors that this machine's apt uses. arm64 needs scripts/emulated.sh in front.
set -euo pipefail

architecture=${1:?amd64 or arm64}
result=${2:?the tar file}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:?the time that every file gets}

packages=(systemd systemd-sysv systemd-resolved systemd-timesyncd udev dbus kmod iproute2
          libasound2 ca-certificates curl
          # what repairs and fills the partitions
          e2fsprogs dosfstools fdisk
          # updates
          rauc rauc-service
          # Wi-Fi; the file of the countries' rules
          iwd wireless-regdb
          # off until booth.toml has a key
          openssh-server
          systemd-zram-generator
          initramfs-tools zstd)
components=main
case $architecture in
    # grub-common: RAUC's way to GRUB's variables, grub-editenv.
    amd64) packages+=(linux-image-amd64 grub-common) ;;
    # The Pi's firmware is not free software, and neither is that of its Wi-Fi.
    arm64) packages+=(linux-image-arm64 raspi-firmware firmware-brcm80211 u-boot-rpi libubootenv-tool)
           components=main,non-free-firmware ;;
    *) echo "$0: $architecture is neither amd64 nor arm64" >&2; exit 2 ;;
esac
# For example the Wi-Fi firmware of a PC: MORE_PACKAGES="firmware-iwlwifi" (with MORE_COMPONENTS).
read -ra more <<<"${MORE_PACKAGES:-}"
packages+=("${more[@]}")
[ -z "${MORE_COMPONENTS:-}" ] || components+=,$MORE_COMPONENTS

# Only bookworm and its corrections, whatever else this machine uses.
mapfile -t sources < <(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' |
    grep -E ' bookworm(-updates|-security)? ' | sort -u | sed "s/ main\$/ ${components//,/ }/")
[ ${#sources[@]} -gt 0 ] || { echo "$0: apt on this machine knows no bookworm" >&2; exit 1; }

# What the initial ramdisk can start from; all else is loaded from the root.
drivers=(squashfs loop virtio_pci virtio_blk virtio_scsi sd_mod ahci nvme xhci_pci xhci_hcd ehci_pci
         usb_storage uas mmc_block sdhci sdhci_pci sdhci_acpi usbhid hid_generic)
[ "$architecture" = amd64 ] || drivers=(squashfs loop virtio_pci virtio_mmio virtio_blk sd_mod mmc_block
         sdhci_iproc bcm2835 xhci_pci pcie_brcmstb reset_raspberrypi raspberrypi_hwmon usb_storage uas)

hooks=$(mktemp -d)
trap 'rm -rf "$hooks"' EXIT
printf '%s\n' "${drivers[@]}" >"$hooks/modules"
printf 'MODULES=list\nCOMPRESS=zstd\nRESUME=none\n' >"$hooks/initramfs"

temporary=${TMPDIR:-/var/tmp}
TMPDIR=$temporary mmdebstrap --format=tar --variant=minbase --architectures="$architecture" --components="$components" \
    --include="$(IFS=,; echo "${packages[*]}")" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-include=/usr/share/doc/boothd/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/grub/*' \
    --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/boot/firmware"' \
    --essential-hook="copy-in $hooks/initramfs /etc/initramfs-tools/conf.d" \
    --essential-hook="copy-in $hooks/modules /etc/initramfs-tools" \
    bookworm "$result.part" "${sources[@]}"
mv "$result.part" "$result"
