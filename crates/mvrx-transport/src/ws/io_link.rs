//! Any stream of tokio's as a link: TLS, for instance. Both halves of a connection share it under a lock that is
//! never held while one waits.
//!
//! A stream like that has one place for who waits, whichever half that is, and keeps back some of what it was given.
//! So whoever waits is woken whenever anything happens to the stream, and what it keeps back is a task's to push out:
//! the half that wrote it may have nothing more to say, and nobody may be reading.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Link;

pub(super) struct IoLink<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    state: Mutex<State<S>>,
    waiting: Arc<Waiting>,
}

struct State<S> {
    /// `None` once the link was broken off.
    stream: Option<Pin<Box<S>>>,
    finishing: bool,
    /// A task pushes out what the stream keeps back.
    pushing: bool,
}

/// Who is to be woken when anything happens to the stream.
#[derive(Default)]
struct Waiting(Mutex<[Option<Waker>; 3]>);

#[derive(Clone, Copy)]
enum Who {
    Reader = 0,
    Writer = 1,
    Pusher = 2,
}

impl Waiting {
    fn note(&self, who: Who, waker: &Waker) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = all.get_mut(who as usize) {
            place.get_or_insert_with(|| waker.clone()).clone_from(waker);
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in all.into_iter().flatten() {
            waker.wake();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> IoLink<S> {
    pub(super) fn new(stream: S) -> Self {
        let state = State { stream: Some(Box::pin(stream)), finishing: false, pushing: false };
        Self { inner: Arc::new(Inner { state: Mutex::new(state), waiting: Arc::default() }) }
    }

    /// Pushes out, beside everybody else, what the stream keeps back.
    fn push(&self, state: &mut State<S>) {
        if state.pushing {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        state.pushing = true;
        let weak = Arc::downgrade(&self.inner);
        runtime.spawn(poll_fn(move |cx| poll_push(&weak, cx)));
    }
}

/// Ends when nothing is kept back any more, or nobody has the link.
fn poll_push<S: AsyncRead + AsyncWrite>(weak: &Weak<Inner<S>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(inner) = weak.upgrade() else { return Poll::Ready(()) };
    let mut state = inner.lock();
    inner.waiting.note(Who::Pusher, cx.waker());
    let pushed = state.poll_flush(&inner.waker());
    if pushed.is_ready() {
        state.pushing = false;
    }
    // How it ended, the next who reads or writes learns from the stream.
    pushed.map(drop)
}

impl<S> Inner<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.waiting))
    }
}

impl<S: AsyncRead + AsyncWrite> State<S> {
    fn poll_flush(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let cx = &mut Context::from_waker(waker);
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        ready!(stream.as_mut().poll_flush(cx))?;
        if self.finishing {
            ready!(stream.as_mut().poll_shutdown(cx))?;
            self.finishing = false;
        }
        Poll::Ready(Ok(()))
    }
}

// req: TLS-08
impl<S: AsyncRead + AsyncWrite + Send + 'static> Link for IoLink<S> {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.inner.lock();
        self.inner.waiting.note(Who::Reader, cx.waker());
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let mut into = ReadBuf::new(buffer);
        let waker = self.inner.waker();
        let read = stream.as_mut().poll_read(&mut Context::from_waker(&waker), &mut into);
        read.map_ok(|()| into.filled().len())
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.inner.lock();
        self.inner.waiting.note(Who::Writer, cx.waker());
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let waker = self.inner.waker();
        let written = ready!(stream.as_mut().poll_write(&mut Context::from_waker(&waker), bytes));
        if state.poll_flush(&waker).is_pending() {
            self.push(&mut state);
        }
        Poll::Ready(written)
    }

    fn finish_writing(&self) -> io::Result<()> {
        let mut state = self.inner.lock();
        state.finishing = true;
        if state.poll_flush(&self.inner.waker()).is_pending() {
            self.push(&mut state);
        }
        Ok(())
    }

    fn abort(&self) {
        let mut state = self.inner.lock();
        let stream = state.stream.take();
        drop(state);
        drop(stream);
        self.inner.waiting.wake_by_ref();
    }
}

impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        // The task that pushes for us sees that nobody has the link.
        self.waiting.wake_by_ref();
    }
}

impl<S> fmt::Debug for IoLink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoLink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, BufStream, duplex};

    use super::*;

    #[tokio::test]
    // proves: TLS-06
    async fn what_the_stream_keeps_back_arrives_though_nobody_uses_the_link_any_more() {
        let (near, mut far) = duplex(16);
        let link = IoLink::new(BufStream::with_capacity(1024, 1024, near));
        let said = poll_fn(|cx| link.poll_write(cx, &[7; 100])).await.unwrap();
        let mut came = vec![0; said];
        far.read_exact(&mut came).await.unwrap();
        assert_eq!(came, vec![7; 100]);
        // The end comes behind it, in the same way.
        poll_fn(|cx| link.poll_write(cx, &[8; 50])).await.unwrap();
        link.finish_writing().unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, vec![8; 50]);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_the_link_is_broken_off() {
        let (near, _far) = duplex(16);
        let link = Arc::new(IoLink::new(near));
        let reading = Arc::clone(&link);
        let reading = tokio::spawn(async move { poll_fn(|cx| reading.poll_read(cx, &mut [0; 8])).await });
        while link.inner.waiting.0.lock().unwrap()[0].is_none() {
            tokio::task::yield_now().await;
        }
        link.abort();
        reading.await.unwrap().unwrap_err();
    }
}
