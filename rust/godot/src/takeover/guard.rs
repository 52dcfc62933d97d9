//! Who may be inside of an object at a time.
//!
//! A connection and all its peers share one engine, so they share one [`ThreadClaim`]: the thread that enters first has
//! it until its outermost call returns, another thread that comes meanwhile is refused. The claim is taken before the
//! bindings touch the object, whose borrow counter is not made for several threads.

use super::direct::{EventSource, PeerPackets};
use super::interface::object_variant;
use super::virtuals::{MultiplayerBackend, PacketBytes, PacketSource};
use bytes::Bytes;
use godot::builtin::Variant;
use godot::sys;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Set in the claim's word when objects wait to be freed by the thread that is inside.
const FREEING_DUE: usize = 1;

/// The right to use a connection and its peers, held by one thread at a time.
pub(crate) struct ThreadClaim {
    /// 0, or the token of the thread inside, with [`FREEING_DUE`].
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
    claim: Arc<ThreadClaim>,
    serves: Serves,
    /// The packet that the engine reads from after `_get_packet`, alive until the next one.
    handed_out: RefCell<PacketBytes>,
    /// The connection status that a multiplayer peer told last, for whoever is kept out.
    status: AtomicI32,
}

/// What the calls to an object end in that do not take the way through the bindings.
pub(crate) enum Serves {
    /// There are none.
    Nothing,
    /// Those of a connection.
    Events(Rc<dyn EventSource>),
    /// Those of a peer of a connection.
    Packets(Rc<dyn PeerPackets>),
    /// Those of a multiplayer peer.
    Multiplayer(Rc<dyn MultiplayerBackend>),
}

/// Why a call may not enter an object.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// The object is one that the engine made from its own class.
    NativeObject,
    /// Another thread is inside of it, of its connection or of one of that one's peers.
    OtherThread,
}

/// A call that is inside of an object; dropping it leaves.
pub(super) struct Entered<'a> {
    instance: &'a GuardedInstance,
    /// Of this thread, if the claim is given back at the end.
    outermost: Option<usize>,
}

/// A claim that this thread holds; dropping it gives it back.
pub(crate) struct Held {
    claim: Arc<ThreadClaim>,
    /// Of this thread, if the claim is given back at the end.
    outermost: Option<usize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(token) = self.outermost {
            ThreadClaim::leave(&self.claim, token);
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

// SAFETY: only the thread that holds the claim frees it, and the claim orders that after all former use.
unsafe impl Send for Unfreed {}

/// What the object that this thread constructs at the moment brings for its guard.
struct Announcement {
    claim: Arc<ThreadClaim>,
    serves: Serves,
}

thread_local! {
    static ANNOUNCED: RefCell<Option<Announcement>> = const { RefCell::new(None) };
    static TOKEN: u64 = const { 0 };
}

/// To be called by the constructor of each guarded class: says which claim guards the object under construction, and
/// what serves the calls that do not take the way through the bindings.
pub(crate) fn announce(claim: &Arc<ThreadClaim>, serves: Serves) {
    let announcement = Announcement { claim: Arc::clone(claim), serves };
    ANNOUNCED.with(|announced| announced.replace(Some(announcement)));
}

/// A number that no other living thread has: even, and not 0.
fn thread_token() -> usize {
    TOKEN.with(|token| ptr::from_ref(token).addr())
}

impl ThreadClaim {
    /// A claim that nobody holds.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { word: AtomicUsize::new(0), unfreed: Mutex::new(Vec::new()) })
    }

    /// Takes the claim for as long as the result lives; `None` if another thread has it. For objects that are used
    /// otherwise than through a call of their own.
    pub(crate) fn hold(self: &Arc<Self>) -> Option<Held> {
        self.enter().map(|outermost| Held { claim: Arc::clone(self), outermost })
    }

    /// Takes the claim for this thread; `None` if another one has it. Gives the token to leave with, if this thread did not
    /// have the claim already.
    fn enter(&self) -> Option<Option<usize>> {
        let token = thread_token();
        match self.word.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(Some(token)),
            Err(word) if word & !FREEING_DUE == token => Some(None),
            Err(_) => None,
        }
    }

    /// Gives the claim back, after freeing what has become due.
    fn leave(this: &Arc<Self>, token: usize) {
        if this.word.compare_exchange(token, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // Freeing may drop the reference through which we came.
            Arc::clone(this).free_and_leave(token);
        }
    }

    #[cold]
    fn free_and_leave(&self, token: usize) {
        while self.word.compare_exchange(token, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            // Whoever sets the mark has put its object there before.
            self.word.swap(token, Ordering::AcqRel);
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
        let token = thread_token();
        let previous = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            Some(if word == 0 { token | FREEING_DUE } else { word | FREEING_DUE })
        });
        if previous == Ok(0) {
            self.free_and_leave(token);
        }
    }
}

impl GuardedInstance {
    /// Wraps the bindings' instance for Godot, with what the constructor has announced.
    pub(super) fn wrap(
        object: sys::GDExtensionObjectPtr,
        storage: sys::GDExtensionClassInstancePtr,
    ) -> sys::GDExtensionClassInstancePtr {
        let announced = ANNOUNCED.with(RefCell::take);
        let (claim, serves) = match announced {
            Some(announcement) => (announcement.claim, announcement.serves),
            None => (ThreadClaim::new(), Serves::Nothing),
        };
        let handed_out = RefCell::new(PacketBytes::Slice(Bytes::new()));
        let status = AtomicI32::new(0);
        Box::into_raw(Box::new(Self { storage, object, claim, serves, handed_out, status })).cast()
    }

    /// The connection status that this multiplayer peer told last, which can be read without entering.
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
        let claim = Arc::clone(&instance.claim);
        claim.free_when_possible(Unfreed { instance, free, userdata });
    }

    /// Enters an object for one call.
    ///
    /// # Safety
    /// `instance` must be null or come from [`Self::wrap`].
    pub(super) unsafe fn enter<'a>(
        instance: sys::GDExtensionClassInstancePtr,
    ) -> Result<Entered<'a>, Denial> {
        // SAFETY: Godot passes the instance that it was given, or null for an object without one. It lives until the
        // call has left, since freeing it waits for that.
        let instance = unsafe { instance.cast::<Self>().as_ref() }.ok_or(Denial::NativeObject)?;
        let outermost = instance.claim.enter().ok_or(Denial::OtherThread)?;
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

    /// What serves the packets of a packet peer, which a multiplayer peer is as well.
    pub(super) fn packets(&self) -> Option<&dyn PacketSource> {
        match &self.instance.serves {
            Serves::Nothing | Serves::Events(_) => None,
            Serves::Packets(packets) => Some(packets.as_ref()),
            Serves::Multiplayer(multiplayer) => Some(multiplayer.as_ref()),
        }
    }

    /// What serves the methods of a connection.
    pub(super) fn events(&self) -> Option<&dyn EventSource> {
        match &self.instance.serves {
            Serves::Events(events) => Some(events.as_ref()),
            Serves::Nothing | Serves::Packets(_) | Serves::Multiplayer(_) => None,
        }
    }

    /// What serves the methods of a peer of a connection.
    pub(super) fn peer_packets(&self) -> Option<&dyn PeerPackets> {
        match &self.instance.serves {
            Serves::Packets(packets) => Some(packets.as_ref()),
            Serves::Nothing | Serves::Events(_) | Serves::Multiplayer(_) => None,
        }
    }

    /// What serves a multiplayer peer.
    pub(super) fn multiplayer(&self) -> Option<&dyn MultiplayerBackend> {
        match &self.instance.serves {
            Serves::Multiplayer(multiplayer) => Some(multiplayer.as_ref()),
            Serves::Nothing | Serves::Events(_) | Serves::Packets(_) => None,
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
            ThreadClaim::leave(&self.instance.claim, token);
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
        fn new(claim: &Arc<ThreadClaim>) -> Self {
            announce(claim, Serves::Nothing);
            let freed: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
            Self { instance: GuardedInstance::wrap(ptr::null_mut(), ptr::null_mut()), freed }
        }

        fn enter<'a>(self) -> Result<Entered<'a>, Denial> {
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
    fn an_object_without_instance_is_a_native_one() {
        // SAFETY: null is allowed.
        let denial = unsafe { GuardedInstance::enter(ptr::null_mut()) }.err();
        assert_eq!(denial, Some(Denial::NativeObject));
    }

    #[test]
    fn a_second_thread_is_refused_at_every_object_of_the_claim_until_the_first_leaves() {
        let claim = ThreadClaim::new();
        let (connection, peer) = (Object::new(&claim), Object::new(&claim));
        while_another_thread_is_inside(connection, || {
            assert_eq!(connection.enter().err(), Some(Denial::OtherThread));
            assert_eq!(peer.enter().err(), Some(Denial::OtherThread));
        });
        assert!(peer.enter().is_ok());
        connection.free();
        peer.free();
    }

    #[test]
    fn the_thread_inside_may_enter_again_and_leaves_with_its_outermost_call() {
        let claim = ThreadClaim::new();
        let (connection, peer) = (Object::new(&claim), Object::new(&claim));
        let outermost = connection.enter();
        drop(peer.enter());
        thread::spawn(move || {
            let peer = peer;
            assert_eq!(peer.enter().err(), Some(Denial::OtherThread));
        })
        .join()
        .unwrap();
        drop(outermost);
        assert_eq!(claim.word.load(Ordering::SeqCst), 0);
        connection.free();
        peer.free();
    }

    #[test]
    fn an_object_that_nobody_is_in_is_freed_at_once() {
        let object = Object::new(&ThreadClaim::new());
        object.free();
        assert!(object.is_freed());
    }

    #[test]
    fn an_object_freed_while_another_thread_is_inside_lives_until_that_leaves() {
        let object = Object::new(&ThreadClaim::new());
        while_another_thread_is_inside(object, || {
            object.free();
            assert!(!object.is_freed());
        });
        assert!(object.is_freed());
    }

    #[test]
    fn an_object_freed_by_the_thread_inside_lives_until_its_outermost_call_returns() {
        let object = Object::new(&ThreadClaim::new());
        let outermost = object.enter();
        let inner = object.enter();
        object.free();
        drop(inner);
        assert!(!object.is_freed());
        drop(outermost);
        assert!(object.is_freed());
    }
}
