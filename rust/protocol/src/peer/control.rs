//! Reliable commands of the connection itself, which belong to none of its channels.

use super::message::SentFragment;
use crate::wire::command::{Body, ConnectParameters};

/// A command of the connection itself. All of them are reliable.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Control {
    /// Boxed, since it is by far the largest and the rarest.
    Connect(Box<(ConnectParameters, u32)>),
    Disconnect {
        data: u32,
    },
    Ping,
    BandwidthLimit {
        incoming: u32,
        outgoing: u32,
    },
    ThrottleConfigure {
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
}

impl Control {
    /// What the command says.
    pub(crate) fn body(&self) -> Body<'static> {
        match *self {
            Self::Connect(ref connect) => Body::Connect { parameters: connect.0, data: connect.1 },
            Self::Disconnect { data } => Body::Disconnect { data },
            Self::Ping => Body::Ping,
            Self::BandwidthLimit { incoming, outgoing } => Body::BandwidthLimit { incoming, outgoing },
            Self::ThrottleConfigure { interval, acceleration, deceleration } => {
                Body::ThrottleConfigure { interval, acceleration, deceleration }
            }
        }
    }
}

/// What a reliable command carries, kept until it is acknowledged.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Content {
    Message(SentFragment),
    Control(Control),
}

impl Content {
    /// The body of the command, which has this number.
    #[inline]
    pub(crate) fn body(&self, sequence: u16) -> Body<'_> {
        match self {
            Self::Message(fragment) => fragment.body(sequence),
            Self::Control(control) => control.body(),
        }
    }
}
