//! Commands that are run when something happens, with the event as JSON on their standard input.
//!
//! Nothing that such a command does is anybody else's trouble: all of them are started and waited for on a thread of their own, what it
//! writes is read to its end and kept up to [`Options::output`], one that is late is killed with its children, and what happens meanwhile
//! waits in a queue that has an end. Each hook runs one command at a time, in the order of the events.
//!
//! A command is started as it stands, never by a shell, unless it says so ([`Run::Shell`]): names of files and stations are other people's
//! words. It has the environment of the station without the passwords in it, and MVRX_EVENT, the event's name.
//!
//! On Unix a command has a process group of its own, which is killed as a whole, also when the command itself has ended before its children; who
//! leaves that group is left alone, and what he writes is read no longer. On other systems the command itself is killed.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

mod run;

#[cfg(all(test, unix))]
mod tests;

/// What is run, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The events for which it is run, by their names as in the documents; `None`: for all.
    pub on: Option<BTreeSet<String>>,
    /// What is run.
    pub run: Run,
    /// So long it may take.
    pub limit: Duration,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// A program and its arguments.
    Program(Vec<OsString>),
    /// A line for `sh -c`, on Windows for `cmd /C`.
    Shell(String),
}

impl Run {
    /// What people know it by: its program. Arguments may be nobody's business.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Program(words) => {
                words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Self::Shell(line) => format!("sh: {}", line.split_whitespace().next().unwrap_or_default()),
        }
    }
}

/// Limits of all hooks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Events that wait for one hook. 64.
    pub queue: usize,
    /// Bytes of a document; a larger one is not given to commands. 256 KiB.
    pub document: usize,
    /// Bytes of what a command writes that are kept, of its standard output and of its errors each; the rest is read and dropped. 4,000.
    pub output: usize,
    /// So long commands that run may go on when the station ends. 2 s.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 64, document: 256 << 10, output: 4_000, grace: Duration::from_secs(2) }
    }
}

/// What became of commands, where it is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// It did not do what it was to do. Told once for as long as the reason is the same.
    Failed {
        /// [`Run::name`].
        command: String,
        /// For which event.
        event: String,
        /// Why, as a clause.
        why: String,
        /// The beginning of what it wrote to its standard error, else to its standard output.
        output: String,
    },
    /// It did, after it had failed.
    WorksAgain {
        /// [`Run::name`].
        command: String,
    },
    /// So many events were not given to it, since it is too slow or they are too large.
    Dropped {
        /// [`Run::name`].
        command: String,
        /// How many.
        events: u64,
    },
}

/// Hooks at work. Dropping it ends them: what runs has [`Options::grace`], what waits is let go.
#[derive(Debug)]
pub struct Exec {
    lanes: Vec<Arc<Lane>>,
    largest: usize,
    ended: watch::Sender<bool>,
    /// Nothing comes out of it; it closes when the thread is done.
    done: std::sync::mpsc::Receiver<()>,
    patience: Duration,
}

/// One hook and what waits for it.
#[derive(Debug)]
struct Lane {
    hook: Hook,
    most: usize,
    queue: Mutex<Queue>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    dropped: u64,
}

/// One event for a command.
#[derive(Debug, Clone)]
struct Job {
    event: Arc<str>,
    document: Arc<str>,
}

impl Exec {
    /// Begins to wait for events. What becomes of commands comes out of the receiver; where nobody takes it, it is dropped.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(hooks: Vec<Hook>, options: Options) -> std::io::Result<(Self, mpsc::Receiver<Told>)> {
        let (tell, told) = mpsc::channel(TOLD);
        let (ended, end) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let lane = |hook| Lane { hook, most: options.queue, queue: Mutex::default(), more: Notify::new() };
        let lanes: Vec<_> = hooks.into_iter().map(|hook| Arc::new(lane(hook))).collect();
        let (of_thread, largest, patience) = (lanes.clone(), options.document, options.grace + PATIENCE);
        let (is_done, done) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("mvrx-exec".to_owned()).spawn(move || {
            runtime.block_on(run::all(of_thread, &options, &tell, end));
            drop(is_done);
        })?;
        Ok((Self { lanes, largest, ended, done, patience }, told))
    }

    /// Whether any command is run for this event.
    #[must_use]
    pub fn wants(&self, event: &str) -> bool {
        self.lanes.iter().any(|lane| lane.hook.wants(event))
    }

    /// Something happened. Waits for nobody.
    pub fn offer(&self, event: &str, document: &str) {
        let job = Job { event: event.into(), document: document.into() };
        for lane in self.lanes.iter().filter(|lane| lane.hook.wants(event)) {
            lane.offer(job.clone(), document.len() <= self.largest);
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.ended.send_replace(true);
        // It ends soon after the grace, unless a disk hangs on which a program lies: then it is left behind.
        let _ = self.done.recv_timeout(self.patience);
    }
}

impl Hook {
    fn wants(&self, event: &str) -> bool {
        self.on.as_ref().is_none_or(|on| on.contains(event))
    }
}

impl Lane {
    fn offer(&self, job: Job, fits: bool) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if fits && queue.waiting.len() < self.most {
            queue.waiting.push_back(job);
        } else {
            queue.dropped = queue.dropped.saturating_add(1);
        }
        drop(queue);
        self.more.notify_one();
    }

    /// The next event, and how many were dropped since the last one.
    fn take(&self) -> (Option<Job>, u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        (queue.waiting.pop_front(), std::mem::take(&mut queue.dropped))
    }
}

/// So long after the grace all are killed and buried.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told and not taken yet.
const TOLD: usize = 64;
