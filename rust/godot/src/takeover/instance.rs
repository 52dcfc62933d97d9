//! What Godot holds as the instance of one of our objects, and how a call enters it.

use super::backends::{EventSource, MultiplayerBackend, PacketBytes, PacketSource, PeerPackets};
use super::interface::object_variant;
use super::thread_lock::ThreadLock;
use bytes::Bytes;
use godot::builtin::Variant;
use godot::classes::Object;
use godot::obj::{Gd, Inherits};
use godot::sys;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The instance of one of our objects, as Godot holds it: the bindings' instance, and what a call needs
/// before it may use that.
pub(super) struct GuardedInstance {
    storage: sys::GDExtensionClassInstancePtr,
    /// The engine's part of the object.
    object: sys::GDExtensionObjectPtr,
    lock: Arc<ThreadLock>,
    fast_paths: FastPaths,
    /// The packet that the engine reads from after `_get_packet`, alive until the next one.
    handed_out: RefCell<PacketBytes>,
    /// The connection status that a multiplayer peer reported last, for calls that are refused.
    status: AtomicI32,
}

/// The methods of an object that can be called without the bindings, by its class. Only a call that has
/// entered the object reaches them, so they need not look at its lock.
pub(crate) enum FastPaths {
    /// The object has none.
    Nothing,
    /// Those of a connection.
    Events(Rc<dyn EventSource>),
    /// Those of a peer of a connection.
    Packets(Box<dyn PeerPackets>),
    /// Those of a multiplayer peer.
    Multiplayer(Rc<dyn MultiplayerBackend>),
}

/// Why a call may not enter an object.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AccessError {
    /// The object has no instance of ours: it was made from a native class.
    NoInstance,
    /// Another thread is using its connection, or something that shares the connection's lock.
    OtherThread,
}

/// A call that has entered an object; dropping it leaves the object.
pub(super) struct Entered<'a> {
    instance: &'a GuardedInstance,
    /// Of this thread, if the lock is given back at the end.
    outermost: Option<usize>,
}

/// The bindings' function that frees their instance.
type Free = unsafe extern "C" fn(*mut c_void, sys::GDExtensionClassInstancePtr);

/// What the constructor of an object gives to the guard of the object.
struct Attachment {
    lock: Arc<ThreadLock>,
    fast_paths: FastPaths,
}

thread_local! {
    static ATTACHED: RefCell<Option<Attachment>> = const { RefCell::new(None) };
}

/// Attaches the owner lock to the object under construction, and its methods that can be called without the
/// bindings. To be called by the constructor of each guarded class.
pub(crate) fn attach(lock: &Arc<ThreadLock>, fast_paths: FastPaths) {
    let attachment = Attachment { lock: Arc::clone(lock), fast_paths };
    ATTACHED.with(|attached| attached.replace(Some(attachment)));
}

/// The locks of all connections, by the engine's part of their objects.
static CONNECTIONS: Mutex<BTreeMap<usize, Arc<ThreadLock>>> = Mutex::new(BTreeMap::new());

fn connections() -> MutexGuard<'static, BTreeMap<usize, Arc<ThreadLock>>> {
    CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock of a connection, to be taken before the bindings touch it. `None` if it was not made by this
/// library: C# code can make objects of the engine's classes under our names.
pub(crate) fn lock_of_connection<T: Inherits<Object>>(connection: &Gd<T>) -> Option<Arc<ThreadLock>> {
    connections().get(&connection.obj_sys().addr()).cloned()
}

impl GuardedInstance {
    /// Wraps the bindings' instance for Godot, together with what the constructor has attached.
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

    /// Frees an object now, or when the thread that is inside leaves. This thread may be that one: a script
    /// can drop the last reference while a method prints an error to a logger written in a script.
    ///
    /// # Safety
    /// `instance` must come from [`Self::wrap`] and be given up for good; `free` and `userdata` must be the
    /// bindings' for its class.
    pub(super) unsafe fn free(instance: sys::GDExtensionClassInstancePtr, free: Free, userdata: *mut c_void) {
        // SAFETY: comes from a Box in `wrap`.
        let instance = unsafe { Box::from_raw(instance.cast::<Self>()) };
        if matches!(instance.fast_paths, FastPaths::Events(_)) {
            connections().remove(&instance.object.addr());
        }
        let lock = Arc::clone(&instance.lock);
        lock.free_when_possible(move || {
            // SAFETY: promised by the caller; nobody is inside.
            unsafe { free(userdata, instance.storage) };
        });
    }

    /// Enters an object for one call.
    ///
    /// # Safety
    /// `instance` must be null or come from [`Self::wrap`].
    pub(super) unsafe fn enter<'a>(
        instance: sys::GDExtensionClassInstancePtr,
    ) -> Result<Entered<'a>, AccessError> {
        // SAFETY: Godot passes the instance that it was given, or null for an object without one. It lives
        // until the call has left, since freeing it waits for that.
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

    /// The methods of a connection that can be called without the bindings.
    pub(super) fn events(&self) -> Option<&dyn EventSource> {
        match &self.instance.fast_paths {
            FastPaths::Events(events) => Some(events.as_ref()),
            FastPaths::Nothing | FastPaths::Packets(_) | FastPaths::Multiplayer(_) => None,
        }
    }

    /// The methods of a peer that can be called without the bindings.
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

    /// Keeps a packet alive for the engine until the next one, and returns its address.
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
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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
        thread::spawn(move || {
            let peer = peer;
            assert!(peer.enter().is_ok());
        })
        .join()
        .unwrap();
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
