//! The law inside a room: a module imports only siblings that its room declares above it.
//!
//! What a sibling offers through the room's own file (`pub use`) counts as that sibling's. What the room's
//! file defines itself stands above all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A folder of `src` with the modules that its own file declares, in that order.
struct Room {
    /// `mqtt::publisher`.
    path: String,
    folder: PathBuf,
    modules: Vec<String>,
    /// Names that the room's file takes from a module, with that module.
    exports: BTreeMap<String, String>,
}

#[test]
fn imports_point_up_the_room() {
    let mut wrong = Vec::new();
    for room in rooms_of(Path::new("src"), "") {
        for (rank, module) in room.modules.iter().enumerate() {
            for used in room.siblings_of(module) {
                let below = room.modules.iter().skip(rank + 1);
                if below.into_iter().any(|sibling| *sibling == used) {
                    wrong.push(format!("{}: `{module}` imports `{used}` below it", room.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checker_reads_groups_and_exports() {
    let code = "use super::{a::{self, B}, c};\nfn f() { super::super::d::g(); }";
    let expected = ["super::a::self", "super::a::B", "super::c", "super", "super::super::d::g"];
    let found = imported(code);
    assert!(expected.iter().all(|path| found.iter().any(|other| other == path)), "{found:?}");
    let text = "pub mod low;\nmod high;\n#[cfg(test)]\nmod tests;\npub use high::Thing;";
    let room = Room::of("room".into(), "src/room".into(), text);
    assert_eq!(room.modules, ["low", "high"]);
    assert_eq!(room.sibling("super::Thing", 1).as_deref(), Some("high"));
    assert_eq!(room.sibling("crate::room::high::Other", 1).as_deref(), Some("high"));
    assert_eq!(room.sibling("super::Own", 1), None);
}

fn rooms_of(folder: &Path, path: &str) -> Vec<Room> {
    let mut rooms = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let inner = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !inner.is_dir() {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}::{name}") };
        let own = [inner.join("mod.rs"), inner.with_extension("rs")];
        if let Some(text) = own.iter().find_map(|file| fs::read_to_string(file).ok()) {
            rooms.push(Room::of(path.clone(), inner.clone(), &text));
        }
        rooms.extend(rooms_of(&inner, &path));
    }
    rooms
}

impl Room {
    fn of(path: String, folder: PathBuf, text: &str) -> Room {
        let code = without_tests(text);
        let mut modules = Vec::new();
        let mut is_test = false;
        for line in text.lines() {
            let declared = line.split_once("mod ").and_then(|(before, rest)| {
                let is_mod = before.is_empty() || before.starts_with("pub");
                rest.strip_suffix(';').filter(|_| is_mod)
            });
            if let Some(name) = declared.filter(|_| !is_test) {
                modules.push(name.to_owned());
            }
            is_test = line.starts_with("#[cfg(test)]") || (is_test && line.starts_with("#["));
        }
        let uses = imported(&code).into_iter().filter_map(|path| {
            let path = path.strip_prefix("self::").unwrap_or(&path).to_owned();
            let (module, _) = path.split_once("::")?;
            let name = path.rsplit("::").next()?.to_owned();
            modules.contains(&module.to_owned()).then(|| (name, module.to_owned()))
        });
        let exports = uses.collect();
        Room { path, folder, modules, exports }
    }

    /// The siblings that a module's files name.
    fn siblings_of(&self, module: &str) -> BTreeSet<String> {
        let mut files = Vec::new();
        let file = self.folder.join(format!("{module}.rs"));
        files.extend(file.exists().then_some(file));
        files_below(&self.folder.join(module), &mut files);
        let mut used = BTreeSet::new();
        for file in files {
            let within =
                file.strip_prefix(&self.folder).expect("it is below").with_extension("");
            let depth = within.iter().filter(|part| *part != "mod").count();
            let code = without_tests(&fs::read_to_string(&file).expect("readable"));
            for path in imported(&code) {
                used.extend(self.sibling(&path, depth));
            }
        }
        used.remove(module);
        used
    }

    /// The module of the room that a path names in a file that lies `depth` modules deep in it.
    fn sibling(&self, path: &str, depth: usize) -> Option<String> {
        let up = "super::".repeat(depth);
        let whole = format!("crate::{}::", self.path);
        let rest = path.strip_prefix(&up).or_else(|| path.strip_prefix(&whole))?;
        let name = rest.split("::").next()?;
        let is_module = self.modules.iter().any(|module| module == name);
        if is_module { Some(name.to_owned()) } else { self.exports.get(name).cloned() }
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
}

/// The code before the unit tests, without comments.
fn without_tests(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<_> = lines.collect();
    let code = code.join("\n");
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

/// Every path that code imports or names from `super` or `crate`, groups taken apart.
fn imported(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        if let Some((_, tree)) = statement.rsplit_once("use ") {
            take_apart("", tree, &mut paths);
        }
    }
    for start in ["super::", "crate::"] {
        for (at, _) in code.match_indices(start) {
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let path = code[at..].split(|c| !is_path(c)).next().unwrap_or_default();
            paths.push(path.trim_end_matches(':').to_owned());
        }
    }
    paths
}

fn take_apart(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((stem, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        paths.push(format!("{before}{}", name.trim()));
        return;
    };
    let before = format!("{before}{}", stem.trim());
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                take_apart(&before, &group[start..at], paths);
                start = at + 1;
            }
            _ => (),
        }
    }
    if !group[start..].trim().is_empty() {
        take_apart(&before, &group[start..], paths);
    }
}
