//! The owner lock: one thread at a time uses a connection and everything that belongs to it.
//!
//! A connection and all its peers share one engine, so they share one [`ThreadLock`]. The thread that enters
//! first owns it until its outermost call returns; a call from another thread is refused meanwhile. The lock
//! is taken before the bindings use the object, whose borrow counter is not thread-safe.
//!
//! An object may lose its last reference in any thread at any time. If a thread owns the lock, that thread
//! frees the object when it leaves. Otherwise the object is freed at once, and threads that enter meanwhile
//! wait for it.

use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Set in the lock's word while objects wait to be freed by the lock's owner.
const FREEING_DUE: usize = 1;
/// Set in the lock's word while its owner only frees objects, or looks: others wait for it.
const IS_BRIEF: usize = 2;
/// How long a thread waits for another one that has the lock briefly. That takes microseconds; the bound ends
/// a deadlock in case the other thread needs this one for it.
const LONGEST_BRIEF: Duration = Duration::from_secs(1);

/// The right to use a connection and its peers, held by one thread at a time.
pub(crate) struct ThreadLock {
    /// 0, or the owner's token with [`FREEING_DUE`] and [`IS_BRIEF`].
    word: AtomicUsize,
    /// Frees the objects that lost their last reference while a thread owned the lock.
    deferred: Mutex<Vec<Deferred>>,
}

/// A lock that this thread owns; dropping the guard releases it.
pub(crate) struct ThreadGuard {
    lock: Arc<ThreadLock>,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

/// A value that several objects share. Only the owner of the lock can reach it.
pub(crate) struct Guarded<T> {
    lock: Arc<ThreadLock>,
    value: T,
}

// SAFETY: the value is used by one thread at a time, the lock's owner, and the lock orders their accesses. It
// is dropped by the thread that drops the last reference.
unsafe impl<T> Send for Guarded<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Guarded<T> {}

/// Access to a [`Guarded`] value; dropping it releases the lock.
pub(crate) struct Inside<'a, T> {
    guarded: &'a Guarded<T>,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

impl<T> Guarded<T> {
    /// A value that the lock guards.
    pub(crate) fn new(lock: &Arc<ThreadLock>, value: T) -> Arc<Self> {
        Arc::new(Self { lock: Arc::clone(lock), value })
    }

    /// The lock, which other values and objects can share.
    pub(crate) fn lock(&self) -> &Arc<ThreadLock> {
        &self.lock
    }

    /// The value for as long as the result lives; `None` if another thread has the lock.
    pub(crate) fn enter(&self) -> Option<Inside<'_, T>> {
        self.lock.enter().map(|outermost| Inside { guarded: self, outermost })
    }

    /// The value for someone who looks at it from outside, for as long as the result lives, which must not be
    /// long: the thread that works with the value waits meanwhile, in place of being refused. `None` if
    /// another thread has the lock.
    pub(crate) fn look(&self) -> Option<Inside<'_, T>> {
        self.lock.enter_briefly().map(|outermost| Inside { guarded: self, outermost })
    }
}

/// Another guarded value as a value with the same lock has it: whoever has reached that one has the lock
/// already, so this one is reached without a look at it. Never to be kept anywhere but in that value, or in
/// an object with that lock, whose calls enter it.
pub(crate) struct SameLock<T>(Arc<Guarded<T>>);

impl<T> SameLock<T> {
    /// Another guarded value for one that shares its lock.
    ///
    /// # Panics
    /// The locks are not the same.
    pub(crate) fn new(shared: &Arc<Guarded<T>>, lock: &Arc<ThreadLock>) -> Self {
        assert!(Arc::ptr_eq(&shared.lock, lock), "a value would be reached under another lock");
        Self(Arc::clone(shared))
    }

    /// The value as others share it.
    pub(crate) fn shared(&self) -> &Arc<Guarded<T>> {
        &self.0
    }
}

impl<T> Deref for SameLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Deref for Inside<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guarded.value
    }
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        if let Some(token) = self.outermost {
            ThreadLock::leave(&self.guarded.lock, token);
        }
    }
}

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        if let Some(token) = self.outermost {
            ThreadLock::leave(&self.lock, token);
        }
    }
}

/// Frees an object.
struct Deferred(Box<dyn FnOnce()>);

// SAFETY: only the thread that has the lock runs it, and the lock orders that after all former use of the
// object.
unsafe impl Send for Deferred {}

thread_local! {
    static TOKEN: u64 = const { 0 };
}

/// A number that no other living thread has: a multiple of 4, and not 0.
fn thread_token() -> usize {
    TOKEN.with(|token| ptr::from_ref(token).addr())
}

/// The token of the lock's owner, 0 if there is none.
fn owner(word: usize) -> usize {
    word & !(FREEING_DUE | IS_BRIEF)
}

impl ThreadLock {
    /// A lock without an owner.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { word: AtomicUsize::new(0), deferred: Mutex::new(Vec::new()) })
    }

    /// Takes the lock for as long as the result lives; `None` if another thread has it. For objects that are
    /// used otherwise than through a call of their own.
    pub(crate) fn lock(self: &Arc<Self>) -> Option<ThreadGuard> {
        self.enter().map(|outermost| ThreadGuard { lock: Arc::clone(self), outermost })
    }

    /// Takes the lock for this thread; `None` if another thread owns it. Returns the token for
    /// [`Self::leave`], or `Some(None)` if this thread owned the lock already.
    pub(super) fn enter(&self) -> Option<Option<usize>> {
        let token = thread_token();
        // A relaxed load suffices: only this thread can have stored its own token.
        if owner(self.word.load(Ordering::Relaxed)) == token {
            return Some(None);
        }
        match self.word.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(Some(token)),
            Err(word) if word & IS_BRIEF != 0 => self.enter_after_brief(token),
            Err(_) => None,
        }
    }

    /// Takes the lock for this thread like [`Self::enter`], and lets other threads wait for it meanwhile.
    fn enter_briefly(&self) -> Option<Option<usize>> {
        let token = thread_token();
        if owner(self.word.load(Ordering::Relaxed)) == token {
            return Some(None);
        }
        let held = token | IS_BRIEF;
        self.word.compare_exchange(0, held, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| Some(held))
    }

    /// Takes the lock for this thread after another one has had it briefly.
    #[cold]
    fn enter_after_brief(&self, token: usize) -> Option<Option<usize>> {
        let end = Instant::now() + LONGEST_BRIEF;
        loop {
            match self.word.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Some(token)),
                Err(word) if word & IS_BRIEF == 0 || Instant::now() > end => return None,
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// Releases the lock, after freeing what has become due. `held` is what [`Self::enter`] has returned.
    pub(super) fn leave(this: &Arc<Self>, held: usize) {
        if this.word.compare_exchange(held, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // Freeing may drop the last other reference to this lock.
            Arc::clone(this).free_and_leave(held);
        }
    }

    /// Frees what is due and releases the lock. `held` is the lock's word without [`FREEING_DUE`].
    #[cold]
    fn free_and_leave(&self, held: usize) {
        while self.word.compare_exchange(held, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // A thread queues its object before it sets the bit.
            self.word.swap(held, Ordering::AcqRel);
            let due = std::mem::take(&mut *self.deferred.lock().unwrap_or_else(PoisonError::into_inner));
            due.into_iter().for_each(|Deferred(free)| free());
        }
    }

    /// Lets the lock's owner call `free` when it leaves; calls it now if there is no owner.
    pub(super) fn free_when_possible(self: &Arc<Self>, free: impl FnOnce() + 'static) {
        let deferred = Deferred(Box::new(free));
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner).push(deferred);
        let held = thread_token() | IS_BRIEF;
        let previous = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            Some(if word == 0 { held | FREEING_DUE } else { word | FREEING_DUE })
        });
        if previous == Ok(0) {
            self.free_and_leave(held);
        }
    }
}
