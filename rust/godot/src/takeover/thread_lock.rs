//! Who may be inside of an object at a time.
//!
//! A connection and all its peers share one engine, so they share one [`ThreadLock`]: the thread that enters first has it
//! until its outermost call returns, another thread that comes meanwhile is refused. The lock is taken before the bindings
//! touch the object, whose borrow counter is not made for several threads.
//!
//! An object may lose its last reference in any thread at any time. It is freed by the thread that is inside, when that
//! leaves; if there is none, at once, and who comes meanwhile waits for it.

use super::fast_path::{EventSource, PeerPackets};
use super::interface::object_variant;
use super::virtuals::{MultiplayerBackend, PacketBytes, PacketSource};
use bytes::Bytes;
use godot::builtin::Variant;
use godot::classes::Object;
use godot::obj::{Gd, Inherits};
use godot::sys;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Set in the lock's word when objects wait to be freed by the thread that has it.
const FREEING_DUE: usize = 1;
/// Set in the lock's word while the thread that has it does nothing but free objects.
const IS_FREEING: usize = 2;
/// How long a thread waits for another one that frees objects. That takes microseconds; should the other one need this
/// thread for it, both go on.
const LONGEST_FREEING: Duration = Duration::from_secs(1);

/// The right to use a connection and its peers, held by one thread at a time.
pub(crate) struct ThreadLock {
    /// 0, or the token of the thread inside, with [`FREEING_DUE`] and [`IS_FREEING`].
    word: AtomicUsize,
    /// Objects that lost their last reference while a thread was inside.
    unfreed: Mutex<Vec<Unfreed>>,
}

/// What Godot knows as the instance of one of our objects: the bindings' own, and what a call needs before it may touch
/// that.
pub(super) struct GuardedInstance {
    storage: sys::GDExtensionClassInstancePtr,
    /// The engine's part of the object.
    object: sys::GDExtensionObjectPtr,
    lock: Arc<ThreadLock>,
    fast_paths: FastPaths,
    /// The packet that the engine reads from after `_get_packet`, alive until the next one.
    handed_out: RefCell<PacketBytes>,
    /// The connection status that a multiplayer peer reported last, for whoever is kept out.
    status: AtomicI32,
}

/// The methods of an object that can be called past the bindings, by its class.
pub(crate) enum FastPaths {
    /// It has none.
    Nothing,
    /// Those of a connection.
    Events(Rc<dyn EventSource>),
    /// Those of a peer of a connection.
    Packets(Arc<dyn PeerPackets>),
    /// Those of a multiplayer peer.
    Multiplayer(Rc<dyn MultiplayerBackend>),
}

/// The locks of all connections, by the engine's part of their objects.
static CONNECTIONS: Mutex<BTreeMap<usize, Arc<ThreadLock>>> = Mutex::new(BTreeMap::new());

fn connections() -> MutexGuard<'static, BTreeMap<usize, Arc<ThreadLock>>> {
    CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock of a connection, to be taken before the bindings touch it. `None` if it was not made by this library: C# code
/// can make objects of the engine's classes under our names.
pub(crate) fn lock_of_connection<T: Inherits<Object>>(connection: &Gd<T>) -> Option<Arc<ThreadLock>> {
    connections().get(&connection.obj_sys().addr()).cloned()
}

/// Why a call may not enter an object.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AccessError {
    /// The object has no instance of ours: the engine has made it from its own class.
    NoInstance,
    /// Another thread is inside of it, of its connection or of one of that one's peers.
    OtherThread,
}

/// A call that is inside of an object; dropping it leaves.
pub(super) struct Entered<'a> {
    instance: &'a GuardedInstance,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

/// A lock that this thread has; dropping it gives it back.
pub(crate) struct ThreadGuard {
    lock: Arc<ThreadLock>,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

/// A value that several objects share. Only the thread that has the lock can reach it.
pub(crate) struct Guarded<T> {
    lock: Arc<ThreadLock>,
    value: T,
}

// SAFETY: the value is reached by one thread at a time, which has the lock, and the lock orders what they do. It is dropped
// by the thread that drops the last reference, when nobody else has any.
unsafe impl<T> Send for Guarded<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Guarded<T> {}

/// Access to a [`Guarded`] value; dropping it leaves.
pub(crate) struct Inside<'a, T> {
    guarded: &'a Guarded<T>,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

impl<T> Guarded<T> {
    /// A value that is reached by the lock.
    pub(crate) fn new(lock: &Arc<ThreadLock>, value: T) -> Arc<Self> {
        Arc::new(Self { lock: Arc::clone(lock), value })
    }

    /// The lock, which other values and objects may share.
    pub(crate) fn lock(&self) -> &Arc<ThreadLock> {
        &self.lock
    }

    /// The value for as long as the result lives; `None` if another thread has the lock.
    pub(crate) fn enter(&self) -> Option<Inside<'_, T>> {
        self.lock.enter().map(|outermost| Inside { guarded: self, outermost })
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

/// What frees the bindings' part of an object.
type Free = unsafe extern "C" fn(*mut c_void, sys::GDExtensionClassInstancePtr);

/// An object whose last reference is gone.
struct Unfreed {
    instance: Box<GuardedInstance>,
    free: Free,
    userdata: *mut c_void,
}

// SAFETY: only the thread that has the lock frees it, and the lock orders that after all former use.
unsafe impl Send for Unfreed {}

/// What the object that this thread constructs at the moment brings for its guard.
struct Attachment {
    lock: Arc<ThreadLock>,
    fast_paths: FastPaths,
}

thread_local! {
    static ATTACHED: RefCell<Option<Attachment>> = const { RefCell::new(None) };
    static TOKEN: u64 = const { 0 };
}

/// To be called by the constructor of each guarded class: attaches the lock that guards the object under construction,
/// and its methods that can be called past the bindings.
pub(crate) fn attach(lock: &Arc<ThreadLock>, fast_paths: FastPaths) {
    let attachment = Attachment { lock: Arc::clone(lock), fast_paths };
    ATTACHED.with(|attached| attached.replace(Some(attachment)));
}

/// A number that no other living thread has: a multiple of 4, and not 0.
fn thread_token() -> usize {
    TOKEN.with(|token| ptr::from_ref(token).addr())
}

/// The token of the thread that has the lock.
fn owner(word: usize) -> usize {
    word & !(FREEING_DUE | IS_FREEING)
}

impl ThreadLock {
    /// A lock that nobody has.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { word: AtomicUsize::new(0), unfreed: Mutex::new(Vec::new()) })
    }

    /// Takes the lock for as long as the result lives; `None` if another thread has it. For objects that are used
    /// otherwise than through a call of their own.
    pub(crate) fn lock(self: &Arc<Self>) -> Option<ThreadGuard> {
        self.enter().map(|outermost| ThreadGuard { lock: Arc::clone(self), outermost })
    }

    /// Takes the lock for this thread; `None` if another one has it. Gives the token to leave with, if this thread did not
    /// have the lock already.
    fn enter(&self) -> Option<Option<usize>> {
        let token = thread_token();
        // What is read here says something certain only about this thread itself.
        if owner(self.word.load(Ordering::Relaxed)) == token {
            return Some(None);
        }
        match self.word.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(Some(token)),
            Err(word) if word & IS_FREEING != 0 => self.enter_after_freeing(token),
            Err(_) => None,
        }
    }

    /// Takes the lock for this thread once another one has freed objects.
    #[cold]
    fn enter_after_freeing(&self, token: usize) -> Option<Option<usize>> {
        let end = Instant::now() + LONGEST_FREEING;
        loop {
            match self.word.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Some(token)),
                Err(word) if word & IS_FREEING == 0 || Instant::now() > end => return None,
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// Gives the lock back, after freeing what has become due.
    fn leave(this: &Arc<Self>, token: usize) {
        if this.word.compare_exchange(token, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // Freeing may drop the reference through which we came.
            Arc::clone(this).free_and_leave(token);
        }
    }

    /// Frees what is due and gives the lock back, whose word without [`FREEING_DUE`] is `held`.
    #[cold]
    fn free_and_leave(&self, held: usize) {
        while self.word.compare_exchange(held, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // Whoever sets the mark has put its object there before.
            self.word.swap(held, Ordering::AcqRel);
            let due = std::mem::take(&mut *self.unfreed.lock().unwrap_or_else(PoisonError::into_inner));
            for unfreed in due {
                // SAFETY: as `GuardedInstance::free` got it from Godot, once; nobody else is inside.
                unsafe { (unfreed.free)(unfreed.userdata, unfreed.instance.storage) };
            }
        }
    }

    /// Puts an object to those that the thread inside frees when it leaves; if there is none, it is freed now.
    fn free_when_possible(self: &Arc<Self>, unfreed: Unfreed) {
        self.unfreed.lock().unwrap_or_else(PoisonError::into_inner).push(unfreed);
        let held = thread_token() | IS_FREEING;
        let previous = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            Some(if word == 0 { held | FREEING_DUE } else { word | FREEING_DUE })
        });
        if previous == Ok(0) {
            self.free_and_leave(held);
        }
    }
}

impl GuardedInstance {
    /// Wraps the bindings' instance for Godot, with what the constructor has attached.
    pub(super) fn wrap(
        object: sys::GDExtensionObjectPtr,
        storage: sys::GDExtensionClassInstancePtr,
    ) -> sys::GDExtensionClassInstancePtr {
        let attached = ATTACHED.with(RefCell::take);
        let (lock, fast_paths) = match attached {
            Some(attachment) => (attachment.lock, attachment.fast_paths),
            None => (ThreadLock::new(), FastPaths::Nothing),
        };
        let handed_out = RefCell::new(PacketBytes::Slice(Bytes::new()));
        let status = AtomicI32::new(0);
        if matches!(fast_paths, FastPaths::Events(_)) {
            connections().insert(object.addr(), Arc::clone(&lock));
        }
        Box::into_raw(Box::new(Self { storage, object, lock, fast_paths, handed_out, status })).cast()
    }

    /// The connection status that this multiplayer peer reported last, which can be read without entering.
    ///
    /// # Safety
    /// `instance` must come from [`Self::wrap`], and its object outlive the result.
    pub(super) unsafe fn status<'a>(instance: sys::GDExtensionClassInstancePtr) -> &'a AtomicI32 {
        // SAFETY: promised by the caller.
        unsafe { &(*instance.cast::<Self>()).status }
    }

    /// Frees an object now, or when the thread that is inside leaves. This thread may be that one: a script can drop
    /// the last reference while a method prints an error to a logger written in a script.
    ///
    /// # Safety
    /// `instance` must come from [`Self::wrap`] and be given up for good; `free` and `userdata` must be the bindings'
    /// for its class.
    pub(super) unsafe fn free(instance: sys::GDExtensionClassInstancePtr, free: Free, userdata: *mut c_void) {
        // SAFETY: comes from a Box in `wrap`.
        let instance = unsafe { Box::from_raw(instance.cast::<Self>()) };
        if matches!(instance.fast_paths, FastPaths::Events(_)) {
            connections().remove(&instance.object.addr());
        }
        let lock = Arc::clone(&instance.lock);
        lock.free_when_possible(Unfreed { instance, free, userdata });
    }

    /// Enters an object for one call.
    ///
    /// # Safety
    /// `instance` must be null or come from [`Self::wrap`].
    pub(super) unsafe fn enter<'a>(
        instance: sys::GDExtensionClassInstancePtr,
    ) -> Result<Entered<'a>, AccessError> {
        // SAFETY: Godot passes the instance that it was given, or null for an object without one. It lives until the
        // call has left, since freeing it waits for that.
        let instance = unsafe { instance.cast::<Self>().as_ref() }.ok_or(AccessError::NoInstance)?;
        let outermost = instance.lock.enter().ok_or(AccessError::OtherThread)?;
        Ok(Entered { instance, outermost })
    }
}

impl Entered<'_> {
    /// The bindings' instance.
    pub(super) fn storage(&self) -> sys::GDExtensionClassInstancePtr {
        self.instance.storage
    }

    /// The object itself, as the engine knows it.
    pub(super) fn object(&self) -> Variant {
        // SAFETY: the engine calls a method of this object, so it lives.
        unsafe { object_variant(self.instance.object) }
    }

    /// The packets of a packet peer, which a multiplayer peer is as well.
    pub(super) fn packets(&self) -> Option<&dyn PacketSource> {
        match &self.instance.fast_paths {
            FastPaths::Nothing | FastPaths::Events(_) => None,
            FastPaths::Packets(packets) => Some(packets.as_ref()),
            FastPaths::Multiplayer(multiplayer) => Some(multiplayer.as_ref()),
        }
    }

    /// The methods of a connection that can be called past the bindings.
    pub(super) fn events(&self) -> Option<&dyn EventSource> {
        match &self.instance.fast_paths {
            FastPaths::Events(events) => Some(events.as_ref()),
            FastPaths::Nothing | FastPaths::Packets(_) | FastPaths::Multiplayer(_) => None,
        }
    }

    /// The methods of a peer of a connection that can be called past the bindings.
    pub(super) fn peer_packets(&self) -> Option<&dyn PeerPackets> {
        match &self.instance.fast_paths {
            FastPaths::Packets(packets) => Some(packets.as_ref()),
            FastPaths::Nothing | FastPaths::Events(_) | FastPaths::Multiplayer(_) => None,
        }
    }

    /// The virtual methods of a multiplayer peer.
    pub(super) fn multiplayer(&self) -> Option<&dyn MultiplayerBackend> {
        match &self.instance.fast_paths {
            FastPaths::Multiplayer(multiplayer) => Some(multiplayer.as_ref()),
            FastPaths::Nothing | FastPaths::Events(_) | FastPaths::Packets(_) => None,
        }
    }

    /// Keeps a packet alive for the engine until the next one, and tells where it lies.
    pub(super) fn hand_out(&self, packet: PacketBytes) -> *const u8 {
        let start = packet.as_ptr();
        self.instance.handed_out.replace(packet);
        start
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.outermost {
            ThreadLock::leave(&self.instance.lock, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::thread;

    /// An object as Godot holds it, with a mark that is set when its Rust part is freed.
    #[derive(Copy, Clone)]
    struct Object {
        instance: sys::GDExtensionClassInstancePtr,
        freed: &'static AtomicBool,
    }

    // SAFETY: the guard is what these tests are about.
    unsafe impl Send for Object {}

    unsafe extern "C" fn mark_as_freed(userdata: *mut c_void, _storage: sys::GDExtensionClassInstancePtr) {
        // SAFETY: a leaked mark.
        unsafe { &*userdata.cast::<AtomicBool>() }.store(true, Ordering::SeqCst);
    }

    impl Object {
        fn new(lock: &Arc<ThreadLock>) -> Self {
            attach(lock, FastPaths::Nothing);
            let freed: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
            Self { instance: GuardedInstance::wrap(ptr::null_mut(), ptr::null_mut()), freed }
        }

        fn enter<'a>(self) -> Result<Entered<'a>, AccessError> {
            // SAFETY: the tests free an object after its last use.
            unsafe { GuardedInstance::enter(self.instance) }
        }

        fn free(self) {
            // SAFETY: made by `wrap`, freed once.
            unsafe {
                GuardedInstance::free(
                    self.instance,
                    mark_as_freed,
                    ptr::from_ref(self.freed).cast_mut().cast(),
                );
            }
        }

        fn is_freed(self) -> bool {
            self.freed.load(Ordering::SeqCst)
        }
    }

    /// Runs `action` while another thread is inside of `object`.
    fn while_another_thread_is_inside(object: Object, action: impl FnOnce()) {
        let (inside, is_inside) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            let object = object;
            let entered = object.enter();
            assert!(entered.is_ok());
            inside.send(()).unwrap();
            may_leave.recv().unwrap();
        });
        is_inside.recv().unwrap();
        action();
        leave.send(()).unwrap();
        other.join().unwrap();
    }

    #[test]
    fn an_object_without_an_instance_is_refused() {
        // SAFETY: null is allowed.
        let error = unsafe { GuardedInstance::enter(ptr::null_mut()) }.err();
        assert_eq!(error, Some(AccessError::NoInstance));
    }

    #[test]
    fn a_second_thread_is_refused_at_every_object_of_the_lock_until_the_first_leaves() {
        let lock = ThreadLock::new();
        let (connection, peer) = (Object::new(&lock), Object::new(&lock));
        while_another_thread_is_inside(connection, || {
            assert_eq!(connection.enter().err(), Some(AccessError::OtherThread));
            assert_eq!(peer.enter().err(), Some(AccessError::OtherThread));
        });
        assert!(peer.enter().is_ok());
        connection.free();
        peer.free();
    }

    #[test]
    fn the_thread_inside_may_enter_again_and_leaves_with_its_outermost_call() {
        let lock = ThreadLock::new();
        let (connection, peer) = (Object::new(&lock), Object::new(&lock));
        let outermost = connection.enter();
        drop(peer.enter());
        thread::spawn(move || {
            let peer = peer;
            assert_eq!(peer.enter().err(), Some(AccessError::OtherThread));
        })
        .join()
        .unwrap();
        drop(outermost);
        assert_eq!(lock.word.load(Ordering::SeqCst), 0);
        connection.free();
        peer.free();
    }

    #[test]
    fn an_object_that_nobody_is_in_is_freed_at_once() {
        let object = Object::new(&ThreadLock::new());
        object.free();
        assert!(object.is_freed());
    }

    #[test]
    fn an_object_freed_while_another_thread_is_inside_lives_until_that_leaves() {
        let object = Object::new(&ThreadLock::new());
        while_another_thread_is_inside(object, || {
            object.free();
            assert!(!object.is_freed());
        });
        assert!(object.is_freed());
    }

    #[test]
    fn an_object_freed_by_the_thread_inside_lives_until_its_outermost_call_returns() {
        let object = Object::new(&ThreadLock::new());
        let outermost = object.enter();
        let inner = object.enter();
        object.free();
        drop(inner);
        assert!(!object.is_freed());
        drop(outermost);
        assert!(object.is_freed());
    }

    #[test]
    fn a_thread_that_comes_while_another_one_frees_an_object_waits_for_it() {
        /// Frees slowly: says that it has begun, and takes a while.
        unsafe extern "C" fn free_slowly(userdata: *mut c_void, _storage: sys::GDExtensionClassInstancePtr) {
            // SAFETY: a leaked mark.
            unsafe { &*userdata.cast::<AtomicBool>() }.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
        }
        let lock = ThreadLock::new();
        let (connection, peer) = (Object::new(&lock), Object::new(&lock));
        let freeing = thread::spawn(move || {
            let peer = peer;
            // SAFETY: made by `wrap`, freed once.
            unsafe {
                GuardedInstance::free(
                    peer.instance,
                    free_slowly,
                    ptr::from_ref(peer.freed).cast_mut().cast(),
                );
            }
        });
        while !peer.is_freed() {
            thread::yield_now();
        }
        assert!(connection.enter().is_ok());
        freeing.join().unwrap();
        connection.free();
    }
}
