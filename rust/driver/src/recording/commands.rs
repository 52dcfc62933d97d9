//! The commands of the engine as an endpoint offers them: each is recorded on its way, where there is a
//! recorder, and can be done again from a recording. The table below has them all, so that none is left out.

use super::encoding::Recorded;
use super::recorder::Recorder;
use crate::compression::Compression;
use bytes::Bytes;
use enet_rs_protocol::{Compressor, ConnectError, Host, HostStatistic, PacketFlags, PeerId, SendError};
use std::net::SocketAddr;
use std::ops::Deref;

/// The engine of an endpoint, for commands; queries are those of the [`Host`] behind it.
#[derive(Debug)]
pub struct Commands<'a> {
    host: &'a mut Host,
    recorder: Option<&'a mut Recorder>,
}

impl<'a> Commands<'a> {
    pub(crate) fn new(host: &'a mut Host, recorder: Option<&'a mut Recorder>) -> Self {
        Self { host, recorder }
    }
}

/// Declares commands: `number name(arguments) -> result`. Numbers are those of the file's format; a new
/// command gets one that no other has had.
macro_rules! commands {
    ($($number:literal $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl Commands<'_> {
            $(
                #[doc = concat!("See [`Host::", stringify!($name), "`].")]
                #[inline]
                #[allow(clippy::missing_errors_doc, reason = "the engine's documentation has them")]
                pub fn $name(&mut self, $($argument: $type),*) $(-> $result)? {
                    #[cold]
                    fn record(recorder: &mut Recorder, $($argument: $type),*) {
                        recorder.on_command($number, |_out| {
                            $(Recorded::put(&$argument, _out);)*
                        });
                    }
                    // Clones, so that what is not recorded need not lie in memory, and moves once.
                    if let Some(recorder) = &mut self.recorder {
                        record(recorder, $($argument.clone()),*);
                    }
                    self.host.$name($($argument),*)
                }
            )*
        }

        /// Does a recorded command again; `None` if it is none.
        pub(super) fn repeat(number: u8, input: &mut &[u8], host: &mut Host) -> Option<()> {
            match number {
                $($number => {
                    $(let $argument: $type = Recorded::take(input)?;)*
                    let _ = host.$name($($argument),*);
                })*
                PROVIDE_ADDRESSES => {
                    let peer = PeerId::take(input)?;
                    host.provide_addresses(peer, &Vec::take(input)?);
                }
                SET_COMPRESSION => {
                    let compression = <Option<Compression> as Recorded>::take(input)?;
                    host.set_compressor(compression.map(Compression::compressor));
                }
                _ => return None,
            }
            Some(())
        }
    };
}

const PROVIDE_ADDRESSES: u8 = 3;
const SET_COMPRESSION: u8 = 18;

commands! {
    1 connect(to: SocketAddr, channel_count: u8, data: u32) -> Result<PeerId, ConnectError>;
    2 connect_later(channel_count: u8, data: u32) -> Result<PeerId, ConnectError>;
    4 send(peer: PeerId, channel: u8, payload: Bytes, flags: PacketFlags) -> Result<(), SendError>;
    5 broadcast(channel: u8, payload: Bytes, flags: PacketFlags) -> Result<(), SendError>;
    6 disconnect(peer: PeerId, data: u32);
    7 disconnect_later(peer: PeerId, data: u32);
    8 disconnect_now(peer: PeerId, data: u32);
    9 reset(peer: PeerId);
    10 ping(peer: PeerId);
    11 set_ping_interval(peer: PeerId, milliseconds: u32);
    12 set_timeout(peer: PeerId, limit: u32, minimum: u32, maximum: u32);
    13 set_default_redundancy(copies: u8);
    14 set_redundancy(peer: PeerId, copies: u8);
    15 configure_throttle(peer: PeerId, interval: u32, acceleration: u32, deceleration: u32);
    16 set_bandwidth_limit(incoming: u32, outgoing: u32);
    17 set_channel_limit(limit: u8);
    19 handle_send_failure(address: SocketAddr) -> bool;
    20 handle_delay(address: SocketAddr);
    21 handle_unreachable(address: SocketAddr) -> usize;
    22 set_channel_priority(peer: PeerId, channel: u8, level: u8, weight: u8) -> Result<(), SendError>;
    23 stop_accepting();
}

impl Commands<'_> {
    /// See [`Host::provide_addresses`].
    pub fn provide_addresses(&mut self, peer: PeerId, addresses: &[SocketAddr]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.on_command(PROVIDE_ADDRESSES, |out| {
                peer.put(out);
                addresses.to_vec().put(out);
            });
        }
        self.host.provide_addresses(peer, addresses);
    }

    /// Sets how datagrams are compressed, see [`Host::set_compressor`].
    pub fn set_compression(&mut self, compression: Option<Compression>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.on_command(SET_COMPRESSION, |out| compression.put(out));
            recorder.on_compression(compression);
        }
        self.host.set_compressor(compression.map(Compression::compressor));
    }

    /// Sets a compressor of the caller's own, see [`Host::set_compressor`]. A recording cannot have it, and
    /// ends here.
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.recorder.iter_mut().for_each(|recorder| recorder.end());
        self.host.set_compressor(compressor);
    }

    /// See [`Host::pop_statistic`]. What the engine does never depends on it.
    pub fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        self.host.pop_statistic(statistic)
    }
}

impl Deref for Commands<'_> {
    type Target = Host;

    fn deref(&self) -> &Host {
        self.host
    }
}
