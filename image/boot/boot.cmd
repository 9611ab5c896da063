# U-Boot's menu (image/boot/grub.cfg has the same rule for a PC): a confirmed slot always; one that
# is not (an update) three times, then the next. RAUC sets BOOT_ORDER and BOOT_x_LEFT. A file
# uboot.env replaces all that U-Boot has built in: uboot.txt says how to start, too.
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 0
setenv words
if load mmc 0:1 ${scriptaddr} kernel.txt; then env import -t ${scriptaddr} ${filesize} words; fi

setenv slot
for s in ${BOOT_ORDER}; do
    if test -n "${slot}"; then
        true
    elif test "${s}" = A; then
        if test ${BOOT_A_LEFT} -gt 0; then
            setenv slot A
            if test "${A_CONFIRMED}" != 1; then setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1; saveenv; fi
        fi
    elif test ${BOOT_B_LEFT} -gt 0; then
        setenv slot B
        if test "${B_CONFIRMED}" != 1; then setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1; saveenv; fi
    fi
done
# Nothing is left to try: the one that came with the card.
test -n "${slot}" || setenv slot A

test -z "${machine_id}" || setenv words "${words} systemd.machine_id=${machine_id}"
setenv start_slot 'setenv number 02; test ${slot} = A || setenv number 03; setenv bootargs "root=PARTUUID=b007d000-${number} rootfstype=squashfs ro rauc.slot=${slot} fsck.repair=yes panic=10 quiet console=ttyS1,115200 console=tty0 ${words}"; load mmc 0:1 ${kernel_addr_r} ${slot}/vmlinuz && load mmc 0:1 ${ramdisk_addr_r} ${slot}/initrd.img && booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}'
run start_slot
# A slot that cannot be read.
if test ${slot} = A; then setenv slot B; else setenv slot A; fi
run start_slot
sleep 10
reset
