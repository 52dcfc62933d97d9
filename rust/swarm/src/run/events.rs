//! The events of hosts, checked against the oracle.

use super::checks::holds_nothing_back;
use super::state::Run;
use crate::aliasing::may_alias;
use crate::endpoint::{Event, Key};
use crate::oracle::{Connection, End, Incarnation, Side, Stage};
use crate::trace::hex;

impl Run {
    pub(super) fn event(&mut self, host: usize, event: Event) -> Result<(), String> {
        let now = self.world.now();
        if self.trace.is_logged() {
            let text = match &event {
                Event::Receive { key, channel, payload, flags } => {
                    format!(
                        "receive {key} channel {channel} {flags:?} {} bytes: {}",
                        payload.len(),
                        hex(payload)
                    )
                }
                other => format!("{other:?}"),
            };
            self.trace.line(now, format_args!("host {host}: {text}"));
        }
        match event {
            Event::Connect { key, data } => self.connected(host, key, data),
            Event::Disconnect { key, data, reason } => {
                let Some((token, side)) = self.nodes[host].connections.remove(&key) else {
                    return Err(format!("Disconnect event for connection {key}, which is over or never was"));
                };
                self.trace.number(u64::from(token) << 32 | u64::from(data));
                self.connections[token as usize]
                    .disconnected(side, data, reason)
                    .map_err(|error| format!("connection {token}, end {side}, {reason:?}: {error}"))?;
                holds_nothing_back(&self.connections, token, side)?;
                if self.plan.is_steady && !self.connections[token as usize].has_ended() {
                    self.lost_connections += 1;
                }
                self.over(token, side);
                Ok(())
            }
            Event::Receive { key, channel, payload, flags } => {
                let Some(&(token, side)) = self.nodes[host].connections.get(&key) else {
                    return Err(format!("message from connection {key}, which is over or never was"));
                };
                self.messages += 1;
                self.trace.number(u64::from(token) << 16 | u64::from(channel));
                let connection = &mut self.connections[token as usize];
                let stage = connection.end(side).map(|end| end.stage);
                if stage != Some(Stage::Up) {
                    return Err(format!("message from connection {key}, which is {stage:?}"));
                }
                connection
                    .received(side, channel, &payload, flags)
                    .map_err(|error| format!("connection {token}, end {side}: {error}"))
            }
        }
    }

    fn connected(&mut self, host: usize, key: Key, data: u32) -> Result<(), String> {
        let node = &self.nodes[host];
        let incarnation = Incarnation { host, number: node.incarnation };
        let channels = node.endpoint.as_ref().map_or(0, |endpoint| endpoint.open_channels(key));
        let is_stock = node.plan.is_stock;
        let slot = node.endpoint.as_ref().map_or(u16::MAX, |endpoint| endpoint.slot(key));
        self.trace.number(u64::from(data));
        if let Some(&(token, side)) = node.connections.get(&key) {
            let connection = &mut self.connections[token as usize];
            let end = connection.end_mut(side).filter(|end| end.stage == Stage::Connecting);
            let Some(end) = end else {
                return Err(format!("a second Connect event for connection {key}"));
            };
            end.up();
            if data != 0 {
                return Err(format!("the Connect event of an outgoing connection carries {data}"));
            }
            connection.agree(channels)?;
            self.mark_if_aliased(token, side);
            return Ok(());
        }
        let is_intact = self.plan.is_intact();
        let Some(connection) = self.connections.get_mut(data as usize) else {
            // If damage has changed the data, the connection cannot be identified.
            return if is_intact {
                Err(format!("an incoming connection with the unknown data {data}"))
            } else {
                self.accept_unknown(incarnation, key, slot, is_stock)
            };
        };
        connection.agree(channels)?;
        let end = End::new(incarnation, slot, Stage::Up, is_stock);
        match &connection.acceptor {
            None => connection.accept(end),
            Some(before) if !connection.is_unchecked && before.incarnation.host != host => {
                return Err(format!(
                    "connection {data} is accepted by host {} as well",
                    before.incarnation.host
                ));
            }
            // A late copy of a CONNECT can begin another connection after the end of the first one.
            Some(before) => {
                let was_over = before.stage == Stage::Over;
                connection.is_unchecked = true;
                if !was_over && is_intact {
                    return Err(format!("connection {data} is accepted twice"));
                }
                return self.accept_unknown(incarnation, key, slot, is_stock);
            }
        }
        self.nodes[host].connections.insert(key, (data, 1));
        self.mark_if_aliased(data, 1);
        Ok(())
    }

    fn mark_if_aliased(&mut self, token: u32, side: Side) {
        if may_alias(&self.connections, token, side, self.world.now(), self.plan.keeps_address) {
            self.connections[token as usize].is_unchecked = true;
        }
    }

    /// Records an incoming connection whose initiator is unknown; it is not checked.
    fn accept_unknown(
        &mut self,
        incarnation: Incarnation,
        key: Key,
        slot: u16,
        is_stock: bool,
    ) -> Result<(), String> {
        let end = |stage| End::new(incarnation, slot, stage, is_stock);
        let mut connection = Connection::new(end(Stage::Over), incarnation.host, u8::MAX, 1, 0, true);
        connection.acceptor = Some(end(Stage::Up));
        let token = self.connections.len() as u32;
        self.connections.push(connection);
        self.nodes[incarnation.host].connections.insert(key, (token, 1));
        Ok(())
    }
}
