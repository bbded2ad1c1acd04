//! One command from its start to its end.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Job, Lane, Options, Run, Told};

/// Runs what the lanes have, until the end is told.
pub(super) async fn all(
    lanes: Vec<Arc<Lane>>,
    options: &Options,
    tell: &mpsc::Sender<Told>,
    end: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    for lane in lanes {
        tasks.spawn(one_after_the_other(lane, options.clone(), tell.clone(), end.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn one_after_the_other(
    lane: Arc<Lane>,
    options: Options,
    tell: mpsc::Sender<Told>,
    mut end: watch::Receiver<bool>,
) {
    let command = lane.hook.run.name();
    // What was told of it, until it does what it is to do.
    let mut failed: Option<String> = None;
    while !*end.borrow() {
        let (job, dropped) = lane.take();
        if dropped > 0 {
            // Who does not listen misses it.
            let _ = tell.try_send(Told::Dropped { command: command.clone(), events: dropped });
        }
        let Some(job) = job else {
            tokio::select! {
                () = lane.more.notified() => {}
                _ = end.changed() => {}
            }
            continue;
        };
        let ended = run(&lane, &job, &options, &mut end).await;
        let told = match ended {
            Ok(()) => failed.take().map(|_| Told::WorksAgain { command: command.clone() }),
            Err((why, _)) if failed.as_ref() == Some(&why) => None,
            Err((why, output)) => {
                failed = Some(why.clone());
                let event = job.event.as_ref().to_owned();
                Some(Told::Failed { command: command.clone(), event, why, output })
            }
        };
        if let Some(told) = told {
            let _ = tell.try_send(told);
        }
    }
}

/// Runs a command for one event; an error has the reason, and what the command wrote.
async fn run(
    lane: &Lane,
    job: &Job,
    options: &Options,
    end: &mut watch::Receiver<bool>,
) -> Result<(), (String, String)> {
    let nothing = |why: String| (why, String::new());
    let mut child = command(&lane.hook.run, &job.event)
        .spawn()
        .map_err(|error| nothing(format!("it cannot be started: {error}")))?;
    let group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let document = Arc::clone(&job.document);
    let mut pipes = JoinSet::new();
    // It need not read it.
    pipes.spawn(async move {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(document.as_bytes()).await;
            let _ = stdin.write_all(b"\n").await;
        }
    });
    let (output, errors) = (Written::default(), Written::default());
    pipes.spawn(keep(stdout, options.output, output.clone()));
    pipes.spawn(keep(stderr, options.output, errors.clone()));
    let mut gone = false;
    let ended = {
        let work = async {
            let status = child.wait().await;
            // Its children go with it, so that nobody holds its pipes; what was written is there to be read.
            group.kill();
            gone = true;
            let _ = timeout(PIPES, read_up(&mut pipes)).await;
            status
        };
        tokio::select! {
            status = timeout(lane.hook.limit, work) => status.map_err(|_| late(lane.hook.limit)),
            () = over(end, options.grace) => Err("the station ended".to_owned()),
        }
    };
    // Once it was waited for, the system may give its number to somebody else.
    if !gone {
        group.kill();
    }
    let written = || {
        let errors = errors.text();
        if errors.trim().is_empty() { output.text() } else { errors }
    };
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err((how(status), written())),
        Ok(Err(error)) => Err(nothing(format!("it cannot be waited for: {error}"))),
        Err(why) => {
            // The system has it killed already, or does so now; it is not left as a corpse.
            let _ = child.start_kill();
            let _ = timeout(PIPES, async {
                let _ = child.wait().await;
                read_up(&mut pipes).await;
            })
            .await;
            Err((why, written()))
        }
    }
}

/// What a command wrote so far: it is there also where the command does not end, or somebody else holds its pipe.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn add(&self, piece: &[u8], most: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = most.saturating_sub(kept.len()).min(piece.len());
        kept.extend_from_slice(piece.get(..room).unwrap_or_default());
    }
}

async fn read_up(pipes: &mut JoinSet<()>) {
    while pipes.join_next().await.is_some() {}
}

/// So long after the end was told.
async fn over(end: &mut watch::Receiver<bool>, grace: Duration) {
    // Who told it may be gone; then it is over as well.
    let _ = end.wait_for(|ended| *ended).await;
    tokio::time::sleep(grace).await;
}

fn command(run: &Run, event: &str) -> Command {
    let mut command = match run {
        Run::Program(words) => {
            let mut command =
                Command::new(words.first().map(std::ffi::OsString::as_os_str).unwrap_or_default());
            command.args(words.get(1..).unwrap_or_default());
            command
        }
        Run::Shell(line) => shell(line),
    };
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if text.starts_with("MVRX") && text.contains("PASSWORD") {
            command.env_remove(&name);
        }
    }
    command.env("MVRX_EVENT", event).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command
}

#[cfg(not(windows))]
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(line);
    command
}

/// The beginning of what somebody writes, read to its end.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, most: usize, into: Written) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; PIECE];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        into.add(buffer.get(..read).unwrap_or_default(), most);
    }
}

/// A command and its children.
#[derive(Debug, Clone, Copy)]
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: id.and_then(rustix::process::Pid::from_raw) }
    }

    #[cfg(not(unix))]
    fn of(_child: &Child) -> Self {
        Self {}
    }

    fn kill(self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            // Nobody is left in it, mostly.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

fn late(limit: Duration) -> String {
    format!("it took longer than {} s and was killed", limit.as_secs_f64())
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with exit code {code}"),
        None => format!("it ended early ({status})"),
    }
}

/// Bytes that are read at a time.
const PIECE: usize = 16 << 10;

/// What is in a pipe is read sooner than this, once those who wrote it are gone.
const PIPES: Duration = Duration::from_secs(1);
