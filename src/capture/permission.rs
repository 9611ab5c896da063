//! The remedy for an account that may not open a device node.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// The kernel's number of a group that has none in this user namespace (`overflowgid`); the
/// unit's `PrivateUsers=` makes one.
const UNKNOWN_GROUP: u32 = 65_534;

/// What to do about a node that this account may not open: names the group that owns it.
pub fn remedy(node: &Path) -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    remedy_for(node, fs::metadata(node).ok().map(|node| (node.gid(), node.mode())), &groups)
}

/// The same for a node of that group and mode, with the text of /etc/group.
fn remedy_for(node: &Path, owner: Option<(u32, u32)>, groups: &str) -> String {
    let node = node.display();
    match owner {
        Some((UNKNOWN_GROUP, _)) => format!(
            "let the service use it: SupplementaryGroups= must name the group that `ls -l {node}` \
             shows, and DeviceAllow= this kind of device (systemctl cat boothd)"
        ),
        Some((gid, mode)) if mode & 0o060 == 0o060 && gid != 0 => {
            let group = group_name(groups, gid).unwrap_or_else(|| gid.to_string());
            format!("join its group: usermod -aG {group} USER, then start boothd again")
        }
        // A node that its group may not use either: the rule that makes the node is at fault.
        _ => format!("let a group that boothd is in read and write {node}"),
    }
}

/// The first node in `dir` whose name `is_meant` and that this account may not open.
pub fn first_forbidden(dir: &Path, is_meant: fn(&str) -> bool) -> Option<PathBuf> {
    let nodes = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| is_meant(&name.to_string_lossy()));
    nodes.filter(named).find(|path| is_forbidden(path))
}

/// Without `O_NONBLOCK`, opening a sound card waits for as long as another program uses it.
fn is_forbidden(node: &Path) -> bool {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(node);
    opened.is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied)
}

/// The name of group `gid` in the text of /etc/group.
fn group_name(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_by_its_number() {
        let groups = "root:x:0:\nvideo:x:44:booth\nbroken\naudio:x:29:\n";
        assert_eq!(group_name(groups, 44).as_deref(), Some("video"));
        assert_eq!(group_name(groups, 29).as_deref(), Some("audio"));
        assert_eq!(group_name(groups, 4), None);
    }

    #[test]
    fn within_the_services_sandbox_no_group_is_named() {
        let (node, groups) = (Path::new("/dev/video9"), "video:x:44:\nnogroup:x:65534:\n");
        let remedy = remedy_for(node, Some((UNKNOWN_GROUP, 0o20_660)), groups);
        assert!(
            remedy.contains("ls -l /dev/video9") && remedy.contains("DeviceAllow="),
            "{remedy}"
        );
        assert!(!remedy.contains("nogroup"), "{remedy}");
        let remedy = remedy_for(node, Some((44, 0o20_660)), groups);
        assert!(remedy.contains("usermod -aG video"), "{remedy}");
    }

    /// As a sound card that another program plays on: its open waits.
    #[test]
    fn a_node_that_is_in_use_does_not_hold_up_the_search() {
        let dir = tempfile::tempdir().unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = dir.path().join("pcmC0D0c");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
            .unwrap();
        assert_eq!(first_forbidden(dir.path(), |name| name.starts_with("pcm")), None);
    }

    #[test]
    fn a_node_that_no_group_may_use_is_not_blamed_on_membership() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(remedy(file.path()).starts_with("let a group"), "{}", remedy(file.path()));
    }
}
