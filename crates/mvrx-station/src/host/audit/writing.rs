//! Writes lines to a file that has a bound, on a thread of its own; what is more than has room goes by [`share`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use tokio::sync::watch;

use super::{Line, share};

/// The file, and what is written to it.
pub(super) struct Writing {
    path: PathBuf,
    file: File,
    length: u64,
    most: u64,
    /// Above so many bytes it is begun anew.
    anew_above: u64,
    lost: Arc<AtomicU64>,
    /// The last line may be there in part.
    unfinished: bool,
    tell: watch::Sender<Option<String>>,
}

impl Writing {
    pub(super) fn open(
        path: &Path,
        most: u64,
        lost: Arc<AtomicU64>,
        tell: watch::Sender<Option<String>>,
    ) -> io::Result<Self> {
        let file = open(path)?;
        let (length, is_file) = (file.metadata()?.len(), file.metadata()?.is_file());
        let anew_above = if is_file { most } else { u64::MAX };
        // An earlier run may have ended in the middle of a line.
        let unfinished = length > 0 && last_byte(path).is_ok_and(|last| last != Some(b'\n'));
        Ok(Self { path: path.to_owned(), file, length, most, anew_above, lost, unfinished, tell })
    }

    pub(super) fn run(mut self, lines: &Receiver<String>) {
        while let Ok(line) = lines.recv() {
            if !self.write_lost() || !self.write(&line) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.write_lost();
    }

    /// Writes how many lines are missing, if any are; whether that is done.
    fn write_lost(&mut self) -> bool {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let told = lost == 0 || self.write(&Line::new("lost", "not written").number("lines", lost).end());
        if !told {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        told
    }

    // req: AUD-03, AUD-05
    fn write(&mut self, line: &str) -> bool {
        let length = line.len() as u64;
        if self.length.saturating_add(length) > self.anew_above && self.length > 0 {
            self.begin_anew();
        }
        // What is there of a line is not gone on with.
        let begins = if std::mem::take(&mut self.unfinished) { "\n" } else { "" };
        let written = self.file.write_all(&[begins.as_bytes(), line.as_bytes()].concat());
        match &written {
            Ok(()) => self.length += length + begins.len() as u64,
            Err(error) => {
                tracing::warn!(%error, "an audit line was not written");
                self.unfinished = self.file.set_len(self.length).is_err();
            }
        }
        let trouble = written.err().map(|error| error.to_string());
        let is_well = trouble.is_none();
        // Told when it begins and when it ends.
        self.tell.send_if_modified(|told| {
            let news = told.is_some() == is_well;
            *told = trouble;
            news
        });
        is_well
    }

    /// What is there goes into the file before, and a new one begins.
    // req: AUD-03, AUD-06
    fn begin_anew(&mut self) {
        let (before, new) = (beside(&self.path, ".1"), beside(&self.path, ".new"));
        let kept = share::keep([&before, &self.path], &new, self.most).and_then(|dropped| {
            std::fs::rename(&new, &before)?;
            std::fs::remove_file(&self.path)?;
            Ok(dropped)
        });
        // Without room for both of them the earlier one goes.
        let anew = kept.or_else(|error| {
            tracing::warn!(%error, "of the audit files all that was before is dropped");
            let _ = std::fs::remove_file(&new);
            std::fs::rename(&self.path, &before).map(|()| 0)
        });
        match anew.and_then(|dropped| Ok((open(&self.path)?, dropped))) {
            Ok((file, dropped)) => {
                (self.file, self.length, self.unfinished) = (file, 0, false);
                self.anew_above = self.most;
                if dropped > 0 {
                    self.write(&Line::new("lost", "made room").number("lines", dropped).end());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the audit file was not begun anew");
                self.anew_above = self.length.saturating_add(self.most);
            }
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(ending);
    name.into()
}

fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    Ok((file.read(&mut last)? == 1).then_some(last[0]))
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    // proves: AUD-03
    fn the_file_never_takes_more_than_twice_its_limit_and_loses_no_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let lost = Arc::new(AtomicU64::new(3));
        let (lines, lines_in) = sync_channel(1_000);
        let (tell, _) = watch::channel(None);
        let writing = Writing::open(&path, 1_000, lost, tell).unwrap();
        for n in 0..200 {
            lines.send(Line::new("join", "ok").number("n", n).end()).unwrap();
        }
        drop(lines);
        let most = writing.most;
        writing.run(&lines_in);
        let (new, old) = (
            std::fs::read_to_string(&path).unwrap(),
            std::fs::read_to_string(dir.path().join("audit.1")).unwrap(),
        );
        let lengths = [new.len() as u64, old.len() as u64];
        assert!(lengths.iter().all(|length| *length <= most) && old.len() > 800, "{lengths:?}");
        let all: Vec<serde_json::Value> =
            old.lines().chain(new.lines()).map(|line| serde_json::from_str(line).unwrap()).collect();
        let joins: Vec<u64> = all.iter().filter_map(|line| line["n"].as_u64()).collect();
        assert_eq!(joins, (joins[0]..200).collect::<Vec<_>>());
        let made_room: u64 = all
            .iter()
            .filter(|line| line["result"] == "made room")
            .filter_map(|line| line["lines"].as_u64())
            .sum();
        assert!(made_room > 0 && joins.len() as u64 + made_room <= 200, "{made_room}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    // proves: AUD-05
    fn a_line_that_is_there_in_part_is_not_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        std::fs::write(&path, "{\"time\":\"20").unwrap();
        let (tell, _) = watch::channel(None);
        let mut writing = Writing::open(&path, 1_000, Arc::default(), tell).unwrap();
        assert!(
            writing.write(&Line::new("join", "ok").end()) && writing.write(&Line::new("join", "ok").end())
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let whole = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert_eq!((whole.count(), text.lines().count()), (2, 3), "{text}");
        assert_eq!(writing.length, text.len() as u64);
    }

    #[cfg(target_os = "linux")]
    #[test]
    // proves: AUD-05
    fn a_full_disk_is_told_once_and_that_it_works_again_with_the_number_of_missing_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let (tell, mut trouble) = watch::channel(None);
        let mut writing = Writing::open(&path, 10_000, Arc::default(), tell).unwrap();
        let good = std::mem::replace(&mut writing.file, open(Path::new("/dev/full")).unwrap());
        let line = Line::new("join", "ok").end();
        assert!(!writing.write(&line) && trouble.has_changed().unwrap());
        assert!(trouble.borrow_and_update().as_deref().is_some_and(|why| why.contains("space")));
        writing.lost.fetch_add(1, Ordering::Relaxed);
        assert!(!writing.write_lost() && !trouble.has_changed().unwrap(), "once");
        writing.file = good;
        assert!(writing.write_lost() && writing.write(&line) && trouble.has_changed().unwrap());
        assert_eq!(*trouble.borrow_and_update(), None);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!((lines.len(), lines[0]["lines"].as_u64()), (2, Some(1)), "{text}");
    }
}
