//! A [`Guest`]: a third-party program, its log, and the HTTP requests to it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::PATIENCE;

/// Between two looks at what must happen.
const PAUSE: Duration = Duration::from_millis(50);

/// A running program with all that it starts; gone when this is dropped.
pub(crate) struct Guest {
    child: Child,
    log: PathBuf,
}

impl Guest {
    /// Starts it; its output is appended to the file `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Guest { child, log: log.to_owned() }
    }

    /// Its output so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Until `look` gives something. Panics with the program's log if it never does, and at once
    /// if the program has left.
    pub(crate) fn wait<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut() -> Result<T, String>,
    ) -> T {
        let found = patient(|| {
            let found = look();
            let left = self.child.try_wait().unwrap();
            assert!(found.is_ok() || left.is_none(), "it has left ({left:?}): {}", self.log());
            found
        });
        found.unwrap_or_else(|missing| panic!("no {what}: {missing}\nIts log:\n{}", self.log()))
    }

    /// Asks it to leave and waits for it.
    pub(crate) fn terminate(mut self) {
        self.signal(Signal::TERM);
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not leave: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        // The group may be gone already, which is as well.
        kill_process_group(Pid::from_child(&self.child), signal).ok();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().ok();
    }
}

/// The result of `look` as soon as there is one; else its last error.
pub(crate) fn patient<T>(mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    loop {
        match look() {
            Err(_) if began.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            found => return found,
        }
    }
}

/// A request to a port of the loopback.
#[derive(Default)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// For the head `Authorization: Bearer`.
    pub(crate) token: &'a str,
    /// Type and text.
    pub(crate) body: Option<(&'a str, String)>,
}

impl Request<'_> {
    /// Status and body, or the error where there is no answer.
    pub(crate) fn ask(&self, port: u16) -> Result<(u16, String), String> {
        let Request { method, path, token, .. } = self;
        let (kind, body) = self.body.clone().unwrap_or_default();
        let answer = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let length = body.len();
            // HTTP 1.0: the answer comes in one piece, and its end is the end of the connection.
            write!(
                stream,
                "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\
                 Authorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = answer().map_err(|error| format!("{method} {path}: {error}"))?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        status.zip(body).ok_or_else(|| format!("{method} {path} is answered by {answer:?}"))
    }

    /// The body of an answer that is a success.
    pub(crate) fn text(&self, port: u16) -> Result<String, String> {
        match self.ask(port)? {
            (200 | 201, body) => Ok(body),
            (status, body) => Err(format!("{} is answered by {status}: {body}", self.path)),
        }
    }

    /// The same as JSON.
    pub(crate) fn json(&self, port: u16) -> Result<Value, String> {
        let body = self.text(port)?;
        serde_json::from_str(&body).map_err(|error| format!("{}: {error}: {body}", self.path))
    }
}

/// GET without a token.
pub(crate) fn get(path: &str) -> Request<'_> {
    Request { method: "GET", path, ..Request::default() }
}
