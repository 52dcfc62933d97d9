//! Headers and commands as text for those who look into datagrams, in the words of `docs/enet.lua`.

use super::command::{Body, Command, ConnectParameters, Fragment};
use super::header::Header;
use std::fmt::{Display, Formatter, Result};

impl Display for Header {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { peer, session, compressed, sent_time } = self;
        write!(f, "peer {peer}, session {session}")?;
        if *compressed {
            write!(f, ", compressed")?;
        }
        sent_time.map_or(Ok(()), |sent_time| write!(f, ", sent time {sent_time}"))
    }
}

impl Display for Command<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { wants_acknowledgement, channel, sequence, body } = self;
        let number = if let Body::Acknowledge { sequence, .. } = body { sequence } else { sequence };
        write!(f, "{}, channel {channel}, number {number}", body.name())?;
        match body {
            Body::Acknowledge { sent_time, is_repeat, .. } => {
                write!(f, ", sent time {sent_time}{}", if *is_repeat { ", repeat" } else { "" })
            }
            Body::Connect { parameters, data } => write!(f, ", {parameters}, data {data}"),
            Body::VerifyConnect { parameters } => write!(f, ", {parameters}"),
            Body::Disconnect { data } => {
                let unsequenced = if *wants_acknowledgement { "" } else { ", unsequenced" };
                write!(f, ", data {data}{unsequenced}")
            }
            Body::Ping => Ok(()),
            Body::SendReliable { payload } => write!(f, ", {} bytes", payload.len()),
            Body::SendUnreliable { unreliable_sequence, payload } => {
                write!(f, ", unreliable number {unreliable_sequence}, {} bytes", payload.len())
            }
            Body::SendUnsequenced { group, payload } => {
                write!(f, ", group {group}, {} bytes", payload.len())
            }
            Body::SendFragment { fragment, payload } | Body::SendUnreliableFragment { fragment, payload } => {
                write!(f, ", {fragment}, {} bytes", payload.len())
            }
            Body::BandwidthLimit { incoming, outgoing } => write!(f, ", in {incoming}, out {outgoing}"),
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                write!(f, ", throttle {interval} {acceleration} {deceleration}")
            }
        }
    }
}

impl Body<'_> {
    /// The command's name in ENet's headers.
    fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "ACKNOWLEDGE",
            Self::Connect { .. } => "CONNECT",
            Self::VerifyConnect { .. } => "VERIFY_CONNECT",
            Self::Disconnect { .. } => "DISCONNECT",
            Self::Ping => "PING",
            Self::SendReliable { .. } => "SEND_RELIABLE",
            Self::SendUnreliable { .. } => "SEND_UNRELIABLE",
            Self::SendFragment { .. } => "SEND_FRAGMENT",
            Self::SendUnsequenced { .. } => "SEND_UNSEQUENCED",
            Self::BandwidthLimit { .. } => "BANDWIDTH_LIMIT",
            Self::ThrottleConfigure { .. } => "THROTTLE_CONFIGURE",
            Self::SendUnreliableFragment { .. } => "SEND_UNRELIABLE_FRAGMENT",
        }
    }
}

impl Display for ConnectParameters {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { peer, incoming_session, outgoing_session, mtu, window_size, channel_count, .. } = self;
        let Self { incoming_bandwidth, outgoing_bandwidth, .. } = self;
        let Self { throttle_interval, throttle_acceleration, throttle_deceleration, connect_id, .. } = self;
        write!(
            f,
            "sender's peer {peer}, sessions in {incoming_session}, out {outgoing_session}, mtu {mtu}, "
        )?;
        write!(f, "window {window_size}, channels {channel_count}, ")?;
        write!(f, "bandwidth in {incoming_bandwidth}, out {outgoing_bandwidth}, ")?;
        write!(f, "throttle {throttle_interval} {throttle_acceleration} {throttle_deceleration}, ")?;
        let [a, b, c, d] = connect_id;
        write!(f, "connect id {a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

impl Display for Fragment {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { start_sequence, count, number, total_length, offset } = self;
        write!(
            f,
            "fragment {number} (start {start_sequence}, count {count}, offset {offset} of {total_length})"
        )
    }
}
