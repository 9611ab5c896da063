"""What a booth must survive. Each scenario takes a running, healthy guest and leaves one."""
import faults
import network
import starts
import updates

# In this order, where all are asked for.
ALL = {
    "boot": starts.boot, "mqtt": starts.mqtt, "ssh": network.ssh, "wifi": network.wifi,
    "camera": faults.camera, "vivid": faults.vivid, "microphone": faults.microphone, "light": faults.light,
    "stopped": faults.stopped, "killed": faults.killed, "hung": faults.hung, "disk_full": faults.disk_full,
    "reboot": starts.reboot, "uefi": starts.uefi,
    "unsigned": updates.unsigned, "update": updates.update, "other_slot": updates.other_slot, "bad_update": updates.bad_update,
    "power_cuts": starts.power_cuts, "unchosen": starts.unchosen,
}
