//! The driver: an engine, a socket and a clock that work together.

#[cfg(test)]
mod tests;

use crate::clock::Clock;
#[cfg(feature = "dtls")]
use crate::dtls::Dtls;
use crate::endpoint::{CaptureOptions, Endpoint, NetworkConditions};
use crate::error::{BindError, ServiceError};
use crate::recording::Commands;
use crate::resolve::Lookup;
use crate::send_queue::SendQueue;
use crate::socket::Socket;
use enet_rs_protocol::{ConnectError, Event, Host, HostConfig, PeerId, Seed, Time};
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Datagrams after which one look at the socket ends with their batch, so that a flood cannot keep
/// [`Driver::service`] from returning. About twice what the socket's buffer holds: many clients that come at
/// once are taken in before anything is lost.
const MAXIMUM_DATAGRAMS: usize = 1024;
/// Messages that are taken before the first look at the clock, at how long their acknowledgements have
/// waited.
const MESSAGES_BEFORE_CLOCK: u32 = 4;
/// The most that are taken between two looks: while they are taken quickly, each look waits for as many as
/// were taken before it.
const MAXIMUM_MESSAGES_PER_CLOCK_READ: u32 = 16;
/// How long acknowledgements may wait at such a look.
const MAXIMUM_ACKNOWLEDGEMENT_DELAY: Duration = Duration::from_millis(5);
/// A pause between two calls, milliseconds, after which the socket is read before time-outs are looked at:
/// what has come meanwhile shows that the other ends are not silent.
const PAUSE: u32 = 100;

/// The longest wait: the clock need not be able to tell the end of every [`Duration`].
const MAXIMUM_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Runs a [`Host`] over a UDP socket. Commands and queries go to the engine itself, through
/// [`host`](Self::host) and [`host_mut`](Self::host_mut); [`service`](Self::service) moves the datagrams.
///
/// Dropping a driver ends DTLS sessions and notifies their other ends. Without DTLS nothing is sent: remote
/// hosts find out by their time-outs.
#[derive(Debug)]
pub struct Driver {
    endpoint: Endpoint,
    socket: Socket,
    clock: Clock,
    send_queue: SendQueue,
    /// The messages that are being taken, until they are acknowledged.
    unacknowledged: Option<Unacknowledged>,
    /// Names of remote hosts that are being looked up, with the connections that wait for it.
    lookups: Vec<(PeerId, Lookup)>,
    /// When time-outs were looked at last.
    timed_at: Time,
    /// The last failure that no method has returned.
    unreported: Option<ServiceError>,
}

/// Messages that are being taken and are not acknowledged.
#[derive(Debug)]
struct Unacknowledged {
    /// When they came.
    since: Instant,
    /// How many were taken since, behind the first one.
    taken: u32,
    /// At how many the clock is looked at.
    look_at: u32,
}

impl Unacknowledged {
    fn since(instant: Instant) -> Self {
        Self { since: instant, taken: 0, look_at: MESSAGES_BEFORE_CLOCK }
    }

    /// Another message is taken; `true` if it is time to look at the clock.
    #[inline]
    fn take(&mut self) -> bool {
        self.taken += 1;
        self.taken == self.look_at
    }

    /// Whether they have waited for too long at `now`. If not, some more may be taken before the next look.
    fn is_late(&mut self, now: Instant) -> bool {
        self.look_at += self.taken.min(MAXIMUM_MESSAGES_PER_CLOCK_READ);
        now.saturating_duration_since(self.since) > MAXIMUM_ACKNOWLEDGEMENT_DELAY
    }
}

/// What a receive has brought.
#[derive(Debug, Default)]
struct Received {
    /// At least one datagram was there.
    anything: bool,
    /// The socket was empty in the end.
    everything: bool,
}

impl Driver {
    /// Makes a driver on a local address. Port 0 lets the system choose; `[::]` takes both address families.
    ///
    /// # Errors
    /// The configuration or the address is refused.
    pub fn bind(local: SocketAddr, config: HostConfig) -> Result<Self, BindError> {
        let socket = Socket::bind(local).map_err(|source| BindError::Socket { address: local, source })?;
        Self::new(socket, config)
    }

    /// Makes a driver whose port the system chooses when the first datagram leaves.
    ///
    /// # Errors
    /// The configuration is refused, or the system has no socket.
    pub fn unbound(config: HostConfig) -> Result<Self, BindError> {
        let address = SocketAddr::from(([0; 8], 0));
        let socket = Socket::unbound().map_err(|source| BindError::Socket { address, source })?;
        Self::new(socket, config)
    }

    /// Records what goes into the engine from now on, the last of it that fits `max_bytes` of memory. To be
    /// called before a compression is set.
    pub fn start_recording(&mut self, max_bytes: usize) {
        self.endpoint.start_recording(max_bytes);
    }

    /// The recording up to now, as a file; `None` without one.
    pub fn recording(&self) -> Option<Vec<u8>> {
        self.endpoint.recording()
    }

    /// Ends the recording, and forgets it.
    pub fn stop_recording(&mut self) {
        self.endpoint.stop_recording();
    }

    fn new(socket: Socket, config: HostConfig) -> Result<Self, BindError> {
        let host = Host::new(config, &random_seed()?)?;
        Ok(Self {
            endpoint: Endpoint::new(host),
            socket,
            clock: Clock::new(),
            send_queue: SendQueue::default(),
            unacknowledged: None,
            lookups: Vec::new(),
            timed_at: Time::default(),
            unreported: None,
        })
    }

    /// The engine.
    pub fn host(&self) -> &Host {
        self.endpoint.host()
    }

    /// The engine, for commands; they take effect with the next [`service`](Self::service) or
    /// [`flush`](Self::flush).
    pub fn host_mut(&mut self) -> Commands<'_> {
        self.endpoint.host_mut()
    }

    /// Begins a connection with the host of that name, see [`Host::connect_later`]. The name is looked up in
    /// the background; if it has no address, the attempt ends with
    /// [`DisconnectReason::Unresolved`](enet_rs_protocol::DisconnectReason).
    ///
    /// # Errors
    /// All peer slots are taken.
    pub fn connect_by_name(
        &mut self,
        name: &str,
        port: u16,
        channel_count: u8,
        data: u32,
    ) -> Result<PeerId, ConnectError> {
        let peer = self.host_mut().connect_later(channel_count, data)?;
        self.lookups.push((peer, Lookup::start(name, port, self.socket.waker())));
        Ok(peer)
    }

    /// Gives the next event: one that waits already, else whatever sending and receiving brings about. Waits
    /// for it for up to `wait`, in the kernel, and wakes with the first datagram that matters.
    ///
    /// Messages are acknowledged by the next call that finds no event, or by [`flush`](Self::flush): together
    /// with what they make the caller send, as in ENet. A caller that takes them slowly, one each frame for
    /// example, delays that only a little.
    ///
    /// If the last receive drained the socket, the next zero-timeout call that finds no event may skip `recv`
    /// once, within 1 ms: loops that take all events end with such a call.
    ///
    /// # Errors
    /// The socket failed, and there is no event. The driver stays usable, and further calls fail for as long
    /// as the cause lasts.
    pub fn service(&mut self, wait: Duration) -> Result<Option<Event>, ServiceError> {
        // As in `take_waiting`, spelled out: each further time that an event moves costs more than the rest.
        self.acknowledge_in_time();
        if let Some(failure) = self.endpoint.take_failure() {
            return Err(failure.into());
        }
        let event = self.endpoint.take_event();
        if event.is_some() {
            return Ok(event);
        }
        self.work_for_event(Instant::now(), wait)
    }

    /// The first part of [`service`](Self::service): gives an event that waits already.
    pub(crate) fn take_waiting(&mut self) -> Result<Option<Event>, ServiceError> {
        self.acknowledge_in_time();
        match self.endpoint.take_failure() {
            Some(failure) => Err(failure.into()),
            None => Ok(self.endpoint.take_event()),
        }
    }

    /// The second part of [`service`](Self::service), which begins at `instant`: sends and receives until
    /// there is an event.
    pub(crate) fn work_for_event(
        &mut self,
        mut instant: Instant,
        wait: Duration,
    ) -> Result<Option<Event>, ServiceError> {
        self.unacknowledged = None;
        let deadline = (!wait.is_zero()).then(|| instant + wait.min(MAXIMUM_WAIT));
        let skips_recv = self.socket.policy.take_skip(instant) && deadline.is_none();
        loop {
            let now = self.clock.time(instant);
            self.finish_lookups();
            // Where one peer cannot be reached, or the socket fails, everything else is done all the same.
            if now.since(self.timed_at) >= PAUSE {
                self.receive_after_pause(now);
            }
            self.handle_timeout(now);
            let sent = self.transmit(now);
            let received = if skips_recv { Ok(Received::default()) } else { self.receive(now) };
            let mut event = self.endpoint.poll_event()?;
            let mut answered = Ok(());
            // A message is acknowledged together with what it makes the caller send, as in ENet; all else is
            // answered at once.
            let is_message = matches!(event, Some(Event::Receive { .. }));
            if !is_message && !matches!(&received, Ok(received) if !received.anything) {
                answered = self.transmit(now);
                // A connection that the other end has ended is over when that is acknowledged.
                if event.is_none() {
                    event = self.endpoint.poll_event()?;
                }
            }
            if let Some(event) = event {
                self.unacknowledged = is_message.then(|| Unacknowledged::since(instant));
                if matches!(&received, Ok(received) if received.everything) {
                    self.socket.policy.allow_skip(instant);
                }
                self.keep_failure(sent.and(received.map(drop)).and(answered));
                return Ok(Some(event));
            }
            sent.and(received.map(drop)).and(answered)?;
            let Some(deadline) = deadline else { return Ok(None) };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let timer = self.due_in(Instant::now()).unwrap_or(left);
            self.socket.wait(left.min(timer)).map_err(ServiceError::Wait)?;
            instant = Instant::now();
        }
    }

    /// Lets acknowledgements leave that have waited for long while messages were taken. The clock is not read
    /// for each message: that costs as much as taking it.
    #[inline]
    fn acknowledge_in_time(&mut self) {
        if self.unacknowledged.as_mut().is_some_and(Unacknowledged::take) {
            self.acknowledge_if_late();
        }
    }

    #[inline(never)]
    fn acknowledge_if_late(&mut self) {
        if self.unacknowledged.as_mut().is_some_and(|messages| messages.is_late(Instant::now())) {
            self.unacknowledged = None;
            let flushed = self.flush();
            self.keep_failure(flushed);
        }
    }

    /// Gives an event that waits already; neither sends nor receives. A caller that has seen by it that there
    /// are no more does not need a [`service`](Self::service) that finds none, so the next one reads the
    /// socket.
    ///
    /// # Errors
    /// A DTLS handshake failed; this comes before the event of its connection.
    pub fn poll_event(&mut self) -> Result<Option<Event>, ServiceError> {
        if let Some(failure) = self.endpoint.take_failure() {
            return Err(failure.into());
        }
        let event = self.endpoint.take_event();
        if event.is_none() {
            self.socket.policy.forbid_skip();
        }
        Ok(event)
    }

    /// Whether [`take_unreported`](Self::take_unreported) has something to give.
    #[inline]
    pub fn has_unreported(&self) -> bool {
        self.unreported.is_some()
    }

    /// The last failure that no method has returned, if there is one since this was asked last: of a name
    /// lookup, or of a [`service`](Self::service) that gave an event all the same.
    pub fn take_unreported(&mut self) -> Option<ServiceError> {
        self.unreported.take()
    }

    pub(crate) fn keep_failure(&mut self, result: Result<(), ServiceError>) {
        if let Err(failure) = result {
            self.unreported = Some(failure);
        }
    }

    /// Sends what is queued, without receiving.
    ///
    /// # Errors
    /// The socket failed for a datagram; the others were sent.
    pub fn flush(&mut self) -> Result<(), ServiceError> {
        self.transmit(self.clock.now())
    }

    /// Sends what is queued two times over: of a last datagram one may get lost. Whether the socket fails is
    /// of no interest.
    pub(crate) fn flush_twice(&mut self) {
        let now = self.clock.now();
        let mut datagrams = Vec::new();
        let mut datagram = Vec::new();
        while let Some(to) = self.endpoint.poll_transmit(now, &mut datagram) {
            datagrams.push((to, std::mem::take(&mut datagram)));
        }
        for (to, datagram) in datagrams.iter().chain(&datagrams) {
            let _ = self.socket.send(*to, datagram);
        }
    }

    /// Does everything that is due but for taking events: receives, and what waits in the socket counts
    /// before a time-out does; then sends, acknowledgements at once. `true` if anything was received.
    ///
    /// # Errors
    /// The socket failed.
    pub(crate) fn work(&mut self) -> Result<bool, ServiceError> {
        let now = self.clock.now();
        self.unacknowledged = None;
        self.finish_lookups();
        let received = self.receive(now);
        self.handle_timeout(now);
        self.transmit(now)?;
        Ok(received?.anything)
    }

    /// Whether names are being looked up, which [`due_in`](Self::due_in) does not know the end of.
    pub(crate) fn is_looking_up(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// The socket, to wait for.
    pub(crate) fn socket(&self) -> &UdpSocket {
        self.socket.inner()
    }

    /// How long it is from `now` until [`service`](Self::service) has something to do, datagrams aside.
    pub(crate) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.endpoint.next_timeout().map(|time| self.clock.until(time, now))
    }

    /// Whether messages were taken that [`service`](Self::service) has not acknowledged yet.
    pub(crate) fn owes_acknowledgements(&self) -> bool {
        self.unacknowledged.is_some()
    }

    /// Ends a connection at once and tells the remote host, see [`Host::disconnect_now`]; the datagram has
    /// left when this returns.
    ///
    /// # Errors
    /// The socket failed; the connection is over all the same.
    pub fn disconnect_now(&mut self, peer: PeerId, data: u32) -> Result<(), ServiceError> {
        self.host_mut().disconnect_now(peer, data);
        self.transmit(self.clock.now())
    }

    /// Sends a datagram that is not ENet's from this driver's port, for example to open a way through a NAT;
    /// with DTLS see [`Endpoint::wrap_raw`].
    ///
    /// # Errors
    /// The operating system's reason.
    pub fn send_raw(&mut self, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let mut datagram = Vec::new();
        if self.endpoint.wrap_raw(self.clock.now(), to, payload, &mut datagram) {
            self.socket.send(to, &datagram)
        } else {
            Ok(())
        }
    }

    /// Encrypts everything from here on.
    #[cfg(feature = "dtls")]
    pub fn set_dtls(&mut self, dtls: Dtls) {
        self.endpoint.set_dtls(dtls);
    }

    /// The DTLS layer, if there is one.
    #[cfg(feature = "dtls")]
    pub fn dtls_mut(&mut self) -> Option<&mut Dtls> {
        self.endpoint.dtls_mut()
    }

    /// Puts a network of these conditions between this driver and the real one, see
    /// [`Endpoint::set_network_conditions`].
    pub fn set_network_conditions(&mut self, conditions: Option<NetworkConditions>) {
        self.endpoint.set_network_conditions(conditions);
    }

    /// Writes what is received and sent from now on for Wireshark, see [`Endpoint::start_capture`]. An
    /// unbound driver gets its port now.
    ///
    /// # Errors
    /// An error of the writer, or the system has no port left.
    pub fn start_capture(
        &mut self,
        writer: Box<dyn Write + Send>,
        options: CaptureOptions,
    ) -> io::Result<()> {
        self.socket.ensure_port()?;
        let local = self.socket.local_address()?;
        self.endpoint.start_capture(writer, options, local, self.clock.now())
    }

    /// Ends the capture; `None` if there is none.
    ///
    /// # Errors
    /// The error of the writer that has ended it.
    pub fn stop_capture(&mut self) -> Option<io::Result<()>> {
        self.endpoint.stop_capture()
    }

    /// Whether there is a capture, which may have come to its limits.
    pub fn is_capturing(&self) -> bool {
        self.endpoint.is_capturing()
    }

    /// The local address; `None` until an unbound driver has sent something.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_address().ok().filter(|address| address.port() != 0)
    }

    /// Gives the engine the addresses that were looked up.
    #[inline(always)]
    fn finish_lookups(&mut self) {
        if !self.lookups.is_empty() {
            self.finish_some_lookups();
        }
    }

    #[cold]
    fn finish_some_lookups(&mut self) {
        let Self { endpoint, lookups, unreported, .. } = self;
        let mut host = endpoint.host_mut();
        lookups.retain(|(peer, lookup)| {
            let Some(result) = lookup.result() else { return host.state(*peer).is_some() };
            let addresses = result.unwrap_or_else(|error| {
                *unreported = Some(error.into());
                Vec::new()
            });
            host.provide_addresses(*peer, &addresses);
            false
        });
    }

    #[cold]
    fn receive_after_pause(&mut self, now: Time) {
        let received = self.receive(now);
        self.keep_failure(received.map(drop));
    }

    fn handle_timeout(&mut self, now: Time) {
        self.timed_at = now;
        self.endpoint.handle_timeout(now);
    }

    fn transmit(&mut self, now: Time) -> Result<(), ServiceError> {
        let Self { endpoint, socket, send_queue, .. } = self;
        loop {
            while let Some(to) = endpoint.poll_transmit(now, send_queue.buffer()) {
                send_queue.appended(to, socket);
            }
            match send_queue.flush(socket) {
                // An attempt to connect has another address to try; it cannot have many.
                Err(ServiceError::Send { address, .. })
                    if endpoint.host_mut().handle_send_failure(address) => {}
                sent => return sent,
            }
        }
    }

    fn receive(&mut self, now: Time) -> Result<Received, ServiceError> {
        if self.socket.may_have_something() {
            self.receive_datagrams(now)
        } else {
            Ok(Received { anything: false, everything: true })
        }
    }

    fn receive_datagrams(&mut self, now: Time) -> Result<Received, ServiceError> {
        let (mut count, mut arrived, mut is_empty) = (0, false, false);
        self.socket.begin_receive(now);
        while count < MAXIMUM_DATAGRAMS && !is_empty {
            let before = count;
            let take = |from, datagram| {
                count += 1;
                self.endpoint.handle_datagram(now, from, datagram);
            };
            is_empty = !self.socket.receive(take).map_err(ServiceError::Receive)?;
            let brought_something = count > before;
            arrived |= brought_something;
            // What was no datagram counts as well.
            count += usize::from(!brought_something);
        }
        if self.socket.has_many_new_addresses() {
            let in_use = self.endpoint.host().remote_addresses().collect();
            self.socket.forget_unused_addresses(&in_use);
        }
        Ok(Received { anything: arrived, everything: is_empty })
    }
}

/// A seed for an engine, from the operating system.
fn random_seed() -> Result<Seed, BindError> {
    let mut seed = Seed::default();
    getrandom::fill(&mut seed).map_err(BindError::Random)?;
    Ok(seed)
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.endpoint.close();
        // A remote host that does not hear it times out.
        let _ = self.flush();
    }
}
