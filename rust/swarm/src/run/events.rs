//! What hosts tell their owners, held against the book.

use super::settling::holds_nothing_back;
use super::{Run, hex};
use crate::endpoint::{Event, Key};
use crate::ledger::{End, Life, Link, Side, Stage, is_haunted};

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
                let Some((token, side)) = self.nodes[host].links.remove(&key) else {
                    return Err(format!("Disconnect event for connection {key}, which is over or never was"));
                };
                self.trace.number(u64::from(token) << 32 | u64::from(data));
                self.links[token as usize]
                    .disconnected(side, data, reason)
                    .map_err(|error| format!("connection {token}, end {side}, {reason:?}: {error}"))?;
                holds_nothing_back(&self.links, token, side)?;
                self.over(token, side);
                Ok(())
            }
            Event::Receive { key, channel, payload, flags } => {
                let Some(&(token, side)) = self.nodes[host].links.get(&key) else {
                    return Err(format!("message from connection {key}, which is over or never was"));
                };
                self.messages += 1;
                self.trace.number(u64::from(token) << 16 | u64::from(channel));
                let link = &mut self.links[token as usize];
                let stage = link.end(side).map(|end| end.stage);
                if stage != Some(Stage::Up) {
                    return Err(format!("message from connection {key}, which is {stage:?}"));
                }
                link.received(side, channel, &payload, flags)
                    .map_err(|error| format!("connection {token}, end {side}: {error}"))
            }
        }
    }

    fn connected(&mut self, host: usize, key: Key, data: u32) -> Result<(), String> {
        let node = &self.nodes[host];
        let life = Life { host, number: node.life };
        let channels = node.endpoint.as_ref().map_or(0, |endpoint| endpoint.open_channels(key));
        let is_stock = node.plan.is_stock;
        let slot = node.endpoint.as_ref().map_or(u16::MAX, |endpoint| endpoint.slot(key));
        self.trace.number(u64::from(data));
        if let Some(&(token, side)) = node.links.get(&key) {
            let link = &mut self.links[token as usize];
            let end = link.end_mut(side).filter(|end| end.stage == Stage::Connecting);
            let Some(end) = end else {
                return Err(format!("a second Connect event for connection {key}"));
            };
            end.up();
            if data != 0 {
                return Err(format!("the Connect event of an outgoing connection carries {data}"));
            }
            link.agree(channels)?;
            self.mark_if_haunted(token, side);
            return Ok(());
        }
        let is_intact = self.plan.is_intact();
        let Some(link) = self.links.get_mut(data as usize) else {
            // Damage can change the number, and then nobody knows whose connection it is.
            return if is_intact {
                Err(format!("an incoming connection with the unknown number {data}"))
            } else {
                self.stranger(life, key, slot, is_stock)
            };
        };
        link.agree(channels)?;
        let end = End::new(life, slot, Stage::Up, is_stock);
        match &link.acceptor {
            None => link.acceptor = Some(end),
            Some(before) if !link.is_doubtful && before.life.host != host => {
                return Err(format!("connection {data} is accepted by host {} as well", before.life.host));
            }
            // A late copy of a CONNECT can make a connection after the end of the first one.
            Some(before) => {
                let was_over = before.stage == Stage::Over;
                link.is_doubtful = true;
                if !was_over && is_intact {
                    return Err(format!("connection {data} is accepted twice"));
                }
                return self.stranger(life, key, slot, is_stock);
            }
        }
        self.nodes[host].links.insert(key, (data, 1));
        self.mark_if_haunted(data, 1);
        Ok(())
    }

    fn mark_if_haunted(&mut self, token: u32, side: Side) {
        if is_haunted(&self.links, token, side, self.world.now(), self.plan.keeps_address) {
            self.links[token as usize].is_doubtful = true;
        }
    }

    /// An incoming connection of which nobody knows who made it.
    fn stranger(&mut self, life: Life, key: Key, slot: u16, is_stock: bool) -> Result<(), String> {
        let end = |stage| End::new(life, slot, stage, is_stock);
        let mut link = Link::new(end(Stage::Over), life.host, u8::MAX, 1, 0, true);
        link.acceptor = Some(end(Stage::Up));
        let token = self.links.len() as u32;
        self.links.push(link);
        self.nodes[life.host].links.insert(key, (token, 1));
        Ok(())
    }
}
