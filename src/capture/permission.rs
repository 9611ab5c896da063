//! What to tell an operator whose account may not open a device node.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What to do about a node that this account may not open: names the group that owns it.
pub fn remedy(node: &Path) -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    match fs::metadata(node).ok().map(|node| (node.gid(), node.mode())) {
        Some((gid, mode)) if mode & 0o060 == 0o060 && gid != 0 => {
            let group = group_name(&groups, gid).unwrap_or_else(|| gid.to_string());
            format!("join its group: usermod -aG {group} USER, then start boothd again")
        }
        // A node that its group may not use either: the rule that makes the node is at fault.
        _ => format!("let a group that boothd is in read and write {}", node.display()),
    }
}

/// The first node below `dir` whose name begins with `prefix` and that this account may not open.
pub fn first_forbidden(dir: &Path, prefix: &str) -> Option<PathBuf> {
    let nodes = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    let is_forbidden = |path: &PathBuf| {
        fs::File::open(path).is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied)
    };
    nodes.filter(named).find(is_forbidden)
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
    fn a_node_that_no_group_may_use_is_not_blamed_on_membership() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(remedy(file.path()).starts_with("let a group"), "{}", remedy(file.path()));
    }
}
