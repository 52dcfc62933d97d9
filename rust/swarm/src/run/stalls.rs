//! Checks that no message is held up: while some wait to be received, their sender sends.

use super::state::Run;
use crate::oracle::Side;
use enet_rs_sim::{MILLISECOND, SECOND};

/// Microseconds without a transmission after which a sender counts as stalled. A time-out of a path with a
/// full queue, and three more in a row that each grow by half, are shorter.
const STALL: u64 = 4 * SECOND;

impl Run {
    /// Checks the end of a host's connection. Of two, one has ended at the other end, and what is sent for it
    /// cannot be told from what is sent for the new one.
    pub(super) fn check_stall(&mut self, host: usize) -> Result<(), String> {
        let mut connections = self.nodes[host].connections.values();
        let (Some(&(token, side)), None) = (connections.next(), connections.next()) else { return Ok(()) };
        let silence = self.silence(token, side);
        self.longest_silence = self.longest_silence.max(silence);
        if silence > STALL {
            let silence = silence / MILLISECOND;
            return Err(format!("connection {token}, end {side}: nothing is sent for {silence} ms"));
        }
        Ok(())
    }

    /// For how many microseconds an end has sent nothing although reliable messages wait.
    fn silence(&mut self, token: u32, side: Side) -> u64 {
        let now = self.world.now();
        let connection = &mut self.connections[token as usize];
        if connection.is_unchecked || !connection.is_live() || !connection.has_undelivered(side) {
            connection.waits_since[side] = None;
            return 0;
        }
        let waits_since = *connection.waits_since[side].get_or_insert(now);
        now - connection.transmissions[side].last().map_or(waits_since, |last| last.max(waits_since))
    }
}
