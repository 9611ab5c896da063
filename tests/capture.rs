//! Capture through the real crates and the real loops: `v4l` under the shim, `alsa` under the
//! plugin, the system's clock. What needs no device is tested beside the code instead.
//!
//! Waits are for something to happen, with a generous limit; what is asserted about time is a
//! bar that the daemon promises.

#[path = "capture/camera.rs"]
mod camera;
#[path = "capture/microphone.rs"]
mod microphone;

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use boothd::{
    capture::retry::LoopContext,
    clock::SystemClock,
    component::{Component, ComponentId, State, Status},
    gate::Gate,
    stop::Stop,
};
use boothd_test_support::doubles;

/// How long a test waits for what must happen; far beyond every bar.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a sink can always take what comes.
const ROOM: &str = "no test lasts long enough to fill the queue";

/// A device loop on its own thread, and what comes out of it.
struct Live<T> {
    media: mpsc::Receiver<T>,
    component: Arc<Component>,
    stop: Stop,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Live<T> {
    /// Starts `run`, which is given its context and where to put its media.
    fn start(
        name: &'static str,
        run: impl FnOnce(LoopContext, mpsc::SyncSender<T>) + Send + 'static,
    ) -> Self {
        let (component, stop) = (
            Arc::new(Component::new(ComponentId::of_name(name).expect("a component"))),
            Stop::default(),
        );
        let clock = Arc::new(SystemClock::default());
        let context = LoopContext {
            clock,
            component: component.clone(),
            stop: stop.clone(),
            gate: Gate::new(true),
        };
        let (sender, media) = mpsc::sync_channel(10_000);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread =
            thread.spawn(move || run(context, sender)).expect("a thread can be started");
        Live { media, component, stop, thread }
    }

    fn next(&self) -> T {
        match self.media.recv_timeout(PATIENCE) {
            Ok(media) => media,
            Err(err) => panic!("{err}: {:?}", self.component.status()),
        }
    }

    /// What has come and was not looked at is forgotten.
    fn forget_pending(&self) {
        while self.media.try_recv().is_ok() {}
    }

    /// Waits until the status, as in /health, is so.
    fn wait_for(&self, what: &str, is_so: impl Fn(&Status) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            let status = self.component.status();
            if is_so(&status) {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not happen: {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_error(&self, part: &str) -> Duration {
        let has_it = |status: &Status| {
            status.state == State::Unavailable
                && status.error.as_ref().is_some_and(|error| error.contains(part))
        };
        self.wait_for(part, has_it)
    }

    /// Asks the loop to leave; it must obey within 300 ms.
    fn finish(self) -> Status {
        let began = Instant::now();
        self.stop.request();
        self.thread.join().expect("the loop does not panic");
        let took = began.elapsed();
        assert!(took < Duration::from_millis(300), "stop was obeyed only after {took:?}");
        let status = self.component.status();
        assert_eq!(status.state, State::Stopped);
        status
    }
}
