//! `boothd token` as a person types it, on real files, beside an open store.

use std::{fs, path::Path, sync::Arc, time::Duration};

use boothd::{
    clock::SystemClock,
    store::{Denied, Role, Store, TokenId, database_path},
};
use boothd_test_support::daemon::printed;
use tempfile::TempDir;

/// Far longer than any tested limit.
const PATIENCE: Duration = Duration::from_secs(30);

/// Exit code, standard output, standard error.
fn token(state: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let state = format!("state.dir={}", state.display());
    printed(&[&["token"], arguments, &["--set", &state]].concat())
}

fn add(state: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = token(state, &[&["add"], arguments].concat());
    assert_eq!(code, Some(0), "{error}");
    out.lines().next().expect("the secret").to_owned()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_running_store_sees_what_the_command_line_makes_and_takes_back() {
    let state = TempDir::new().expect("a folder");
    let clock = Arc::new(SystemClock::default());
    let (store, thread) = Store::open(&database_path(state.path()), clock).unwrap();
    let mut book = store.tokens();
    let runtime = runtime();
    let mut changed = || {
        let change = async { tokio::time::timeout(PATIENCE, book.changed()).await };
        runtime.block_on(change).expect("in time").expect("the store lives");
        book.borrow_and_update().clone()
    };
    let secret = add(state.path(), &["--name", "Anna", "--role", "guest", "--expires", "30d"]);
    let found = changed().check(&secret, store.clock().certain_unix_ms()).expect("is known");
    assert_eq!((found.id, &*found.name, found.role), (TokenId(1), "Anna", Role::Guest));
    let (code, out, error) = token(state.path(), &["revoke", "1"]);
    assert_eq!((code, &*out), (Some(0), "token 1 (Anna) is revoked\n"), "{error}");
    let book = changed();
    assert_eq!(book.check(&secret, store.clock().certain_unix_ms()), Err(Denied::Revoked));
    assert_eq!(
        book.still_valid(TokenId(1), store.clock().certain_unix_ms()),
        Err(Denied::Revoked)
    );
    drop(store);
    thread.join();
}

#[test]
fn the_list_tells_everything_but_the_secret() {
    let state = TempDir::new().expect("a folder");
    let guest = ["--name", "候选人 7", "--role", "guest", "--session", "s-1"];
    let secret = add(state.path(), &[&guest[..], &["--expires", "2999-12-30"]].concat());
    add(state.path(), &["--name", "wall", "--role", "viewer"]);
    assert_eq!(token(state.path(), &["revoke", "2"]).0, Some(0));
    let (code, out, _) = token(state.path(), &["list"]);
    assert_eq!(code, Some(0));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("ID  NAME"), "{out}");
    let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    assert!(has(lines[1], &["候选人 7", "guest", "s-1", "2999-12-31 00:00", "good"]), "{out}");
    assert!(has(lines[2], &["wall", "viewer", "any", "never", "revoked"]), "{out}");
    assert!(!out.contains(&secret));
    for entry in fs::read_dir(state.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("readable");
        let holds = bytes.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!holds, "{} holds the secret", path.display());
    }
}

#[test]
fn requests_that_cannot_be_executed_are_refused() {
    let state = TempDir::new().expect("a folder");
    add(state.path(), &["--name", "a", "--role", "operator"]);
    let refusals: [(&[&str], i32, &str); 7] = [
        (&["revoke", "7"], 65, "there is no token 7"),
        (&["revoke", "0"], 65, "change web.token"),
        (&["add", "--name", "b", "--role", "king"], 2, "none of viewer, guest, operator"),
        (&["add", "--name", "", "--role", "guest"], 2, "is blank"),
        (&["add", "--name", "b", "--role", "guest", "--expires", "soon"], 65, "30d"),
        (&["add", "--name", "b", "--role", "guest", "--expires", "2020-01-01"], 65, "already"),
        (&["add", "--name", "b", "--role", "guest", "--session", ""], 2, "a session id has"),
    ];
    for (arguments, expected, words) in refusals {
        let (code, out, error) = token(state.path(), arguments);
        assert_eq!((code, &*out), (Some(expected), ""), "{arguments:?}: {error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    assert_eq!(token(state.path(), &["revoke", "1"]).0, Some(0));
    let (code, _, error) = token(state.path(), &["revoke", "1"]);
    assert_eq!(code, Some(65));
    assert!(error.contains("token 1 (a) was revoked before"), "{error}");
}

#[test]
fn a_state_folder_that_cannot_be_used_is_reported() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("written");
    let (code, _, error) = token(&file, &["list"]);
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("boothd.db cannot be opened") && error.contains("make state.dir"));
}
