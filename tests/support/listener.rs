//! Reads an output stream of a child as it comes, so that the child never blocks on it, and a test can wait for words.
//! Ends when the child closes the stream. There is no time limit here; the hang guard has one.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// An output stream that is read.
pub(super) struct Listener {
    heard: Arc<(Mutex<Heard>, Condvar)>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

impl Listener {
    pub(super) fn start(mut pipe: impl Read + Send + 'static) -> Listener {
        let heard = Arc::<(Mutex<Heard>, Condvar)>::default();
        let shared = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut heard = shared.0.lock().unwrap();
                heard.bytes.extend_from_slice(&buffer[..count]);
                heard.ended = count == 0;
                shared.1.notify_all();
                if heard.ended {
                    return;
                }
            }
        });
        Listener { heard, thread }
    }

    /// Blocks until the stream contains `fragment`. Panics if the stream ends without it.
    pub(super) fn wait_for(&self, fragment: &str) {
        let holds = |heard: &Heard| String::from_utf8_lossy(&heard.bytes).contains(fragment);
        let heard = self.heard.0.lock().unwrap();
        let waiting = |heard: &mut Heard| !heard.ended && !holds(heard);
        let heard = self.heard.1.wait_while(heard, waiting).unwrap();
        let found = holds(&heard);
        // The report of a panic reads this text, so the lock must not be poisoned.
        drop(heard);
        assert!(found, "standard error ended without {fragment:?}");
    }

    /// Waits for the end of the stream and returns its text.
    pub(super) fn finish(self) -> Vec<u8> {
        self.thread.join().expect("the listener does not panic");
        std::mem::take(&mut self.heard.0.lock().unwrap().bytes)
    }
}
