//! Turns a set of spawned tasks into one that ends: asked first, dropped after a grace period.
//!
//! ```text
//! running ──stop()──► asked ──all ended──► ended
//!                       └──grace passed──► dropped ──► ended
//! ```
//! It knows nothing of what the tasks do. A task that wants to end tidily watches [`Tasks::stopping`]; one that
//! does not is dropped at its next await point. A task that blocks its thread cannot be dropped.
//!
//! ```
//! # use std::time::Duration;
//! # use lan_net::shutdown::Tasks;
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let tasks = Tasks::new();
//! let inside = tasks.clone();
//! tasks.spawn(async move { inside.stopping().await /* say goodbye here */ });
//! assert_eq!(tasks.stop(Duration::from_secs(2)).await, Ok(()));
//! # }
//! ```

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A set of tasks that end together. Clones are the same set.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    asked: CancellationToken,
    dropped: CancellationToken,
    tracker: TaskTracker,
}

/// Tasks that did not end by themselves and were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks were still running {grace:?} after they were asked to stop")]
pub struct StillRunning {
    /// How many.
    pub tasks: usize,
    /// How long they had.
    pub grace: Duration,
}

impl Tasks {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task into the set; after [`Tasks::stop`] has dropped the others it is dropped at once.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let dropped = self.dropped.clone();
        self.tracker.spawn(async move {
            let _ = dropped.run_until_cancelled_owned(task).await;
        });
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Ready when the tasks have been asked to stop. Cancel-safe.
    pub async fn stopping(&self) {
        self.asked.cancelled().await;
    }

    /// Whether the tasks have been asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Asks all tasks to stop, waits up to `grace`, drops the rest and waits until those are gone. May be dropped
    /// and called again.
    ///
    /// # Errors
    /// [`StillRunning`] if any had to be dropped; the set is empty all the same.
    pub async fn stop(&self, grace: Duration) -> Result<(), StillRunning> {
        self.asked.cancel();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_ok() {
            self.dropped.cancel();
            return Ok(());
        }
        let tasks = self.tracker.len();
        self.dropped.cancel();
        self.tracker.wait().await;
        if tasks == 0 { Ok(()) } else { Err(StillRunning { tasks, grace }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::Instant;

    const GRACE: Duration = Duration::from_secs(3);

    #[tokio::test(start_paused = true)]
    async fn waits_for_tasks_that_end_by_themselves() {
        let tasks = Tasks::new();
        let inside = tasks.clone();
        tasks.spawn(async move {
            inside.stopping().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        let start = Instant::now();
        assert_eq!(tasks.stop(GRACE).await, Ok(()));
        assert_eq!(start.elapsed().as_secs(), 1);
        assert!(tasks.is_stopping());
    }

    #[tokio::test(start_paused = true)]
    async fn drops_and_counts_tasks_that_outlast_the_grace() {
        let tasks = Tasks::new();
        let held = Arc::new(());
        for _ in 0..3 {
            let held = held.clone();
            tasks.spawn(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
        }
        assert_eq!(tasks.stop(GRACE).await, Err(StillRunning { tasks: 3, grace: GRACE }));
        assert_eq!(tasks.running(), 0);
        assert_eq!(Arc::strong_count(&held), 1, "what they held was released");
    }

    #[tokio::test]
    async fn a_task_spawned_after_the_end_is_dropped() {
        let tasks = Tasks::new();
        tasks.stop(GRACE).await.unwrap();
        tasks.spawn(std::future::pending());
        assert_eq!(tasks.stop(GRACE).await, Ok(()));
    }
}
