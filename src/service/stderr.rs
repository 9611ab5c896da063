//! [`Stderr`]: standard error that never blocks. A pipe without a reader, a full disk or a closed
//! pipe costs lines of the log, which are counted, and nothing else.

use std::io::{self, Write};

/// Linux writes up to this size into a pipe atomically, or reports that it is full.
const AT_ONCE_BYTES: usize = 4096;

/// Writes a line, or drops it where that would wait; never fails.
#[derive(Debug, Default)]
pub(super) struct Stderr {
    /// Lines since the last that was written.
    lost: u64,
    /// The last line was cut in the middle.
    is_cut: bool,
}

impl Stderr {
    fn put(&mut self, line: &[u8]) -> bool {
        for chunk in line.chunks(AT_ONCE_BYTES) {
            if !is_ready() || io::stderr().write_all(chunk).is_err() {
                self.is_cut = chunk.as_ptr() != line.as_ptr();
                return false;
            }
        }
        true
    }
}

impl Write for Stderr {
    /// Writes a whole line or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lost > 0 {
            let end = if self.is_cut { "\n" } else { "" };
            let notice = format!(
                "{end}WARN  service: {} lines of the log are lost, as standard error took none\n",
                self.lost
            );
            if !self.put(notice.as_bytes()) {
                self.lost += 1;
                return Ok(line.len());
            }
            self.lost = 0;
        }
        if !self.put(line) {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard error takes [`AT_ONCE_BYTES`] now.
#[allow(unsafe_code, reason = "no safe crate in the tree asks whether a write would wait")]
fn is_ready() -> bool {
    let mut stderr =
        libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the pointer is to one pollfd, valid for the call, which does not wait.
    let asked = unsafe { libc::poll(&raw mut stderr, 1, 0) };
    asked == 1 && stderr.revents & libc::POLLOUT != 0
}
