//! Services hosts when they are due, and checks what they send and keep.

use super::checks::{holds_nothing_back, record_deliveries, waiting_limit};
use super::recovery::{check_transmissions, record_acknowledgements};
use super::state::Run;
use crate::endpoint::Output;
use crate::oracle::{Side, Stage};
use crate::plan::ImplementationMix;
use crate::trace::hex;
use bytes::Bytes;
use enet_rs_protocol::Limits;
use enet_rs_sim::{Damage, Happening, MILLISECOND};
use std::net::SocketAddr;
use std::time::Duration;

/// The name of the wake-up for the next operation; all others are indices of hosts.
pub(super) const NEXT_OPERATION: u64 = u64::MAX;
/// Services of one host at one moment from which on it is assumed never to come to rest.
const TOO_MANY_SERVICES: u32 = 10_000;

impl Run {
    /// Runs the world until `until`, without operations.
    pub(super) fn run_until(&mut self, until: u64) -> Result<(), String> {
        while let Some(happening) = self.world.next(until) {
            self.happen(happening)?;
        }
        Ok(())
    }

    pub(super) fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Wake(NEXT_OPERATION) => Ok(()),
            Happening::Wake(host) => {
                let host = host as usize;
                if self.nodes[host].wake == Some(self.world.now()) {
                    self.nodes[host].wake = None;
                    if self.nodes[host].paused_until <= self.world.now() {
                        self.service(host)?;
                    }
                    self.schedule(host);
                }
                Ok(())
            }
            Happening::Arrival { from, to, datagram, .. } => {
                if let Some(&host) = self.by_address.get(&to) {
                    let node = &mut self.nodes[host];
                    let bytes = datagram.len() + 28;
                    if node.address == to && node.inbox_bytes + bytes <= node.plan.socket_buffer {
                        node.inbox_bytes += bytes;
                        node.inbox.push((from, datagram));
                    }
                    self.schedule(host);
                }
                Ok(())
            }
        }
    }

    /// Services a host: it receives what its socket holds and does what is due, and its output is checked.
    fn service(&mut self, host: usize) -> Result<(), String> {
        if self.plan.is_steady && self.is_readable(host) {
            self.check_stall(host)?;
        }
        self.record_inbox(host);
        let mut output = std::mem::take(&mut self.output);
        self.work(host, &mut output)?;
        if self.plan.mix == ImplementationMix::Dtls {
            self.wait_for_openssl(host);
        }
        self.check_output(host, &output).map_err(|error| format!("host {host}: {error}"))?;
        let from = self.nodes[host].address;
        for (to, datagram) in output.datagrams.drain(..) {
            self.send(from, to, &datagram);
        }
        for event in output.events.drain(..) {
            self.event(host, event).map_err(|error| format!("host {host}: {error}"))?;
        }
        self.output = output;
        for (token, side) in self.nodes[host].connections.values() {
            holds_nothing_back(&self.connections, *token, *side)?;
        }
        Ok(())
    }

    /// Records what the datagrams mean that a host is about to receive, if the oracle can read them.
    fn record_inbox(&mut self, host: usize) {
        if !self.is_readable(host) {
            return;
        }
        record_acknowledgements(&self.nodes, host, &mut self.connections);
        // Chatty worlds reach the default limits, too.
        let is_roomy = self.nodes[host].plan.config.limits == Limits::default() && !self.plan.is_chatty;
        if is_roomy {
            record_deliveries(&self.nodes, host, &mut self.connections);
        }
    }

    /// Whether a host runs this project's engine, with datagrams that are neither encrypted nor damaged.
    fn is_readable(&self, host: usize) -> bool {
        let is_plain = self.plan.mix != ImplementationMix::Dtls && self.plan.damage == Damage::default();
        is_plain && !self.nodes[host].plan.is_stock
    }

    /// Lets a host receive and work, and checks its counters.
    fn work(&mut self, host: usize, output: &mut Output) -> Result<(), String> {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        let Some(endpoint) = &mut node.endpoint else { return Ok(()) };
        node.services_at_once = if node.last_service == now { node.services_at_once + 1 } else { 0 };
        if node.services_at_once > TOO_MANY_SERVICES {
            return Err(format!("host {host} wants to be serviced again and again at the same time"));
        }
        node.last_service = now;
        node.dirty = false;
        let clock = node.plan.clock + now / MILLISECOND;
        let mut counted = [0u32; 4];
        for (from, datagram) in node.inbox.drain(..) {
            counted[2] += datagram.len() as u32;
            counted[3] += 1;
            endpoint.receive(clock, from, datagram);
        }
        node.inbox_bytes = 0;
        endpoint.work(clock, output);
        for (_, datagram) in &output.datagrams {
            counted[0] += datagram.len() as u32;
            counted[1] += 1;
        }
        match endpoint.take_counters() {
            Some(counters) if counters != counted => {
                Err(format!("host {host} reports the counters {counters:?} instead of {counted:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Lets a little time pass on the system's clock if a handshake of a host waits for OpenSSL's own timer.
    /// That clock hardly moves in virtual time, and such a handshake asks for the next millisecond again and
    /// again.
    fn wait_for_openssl(&self, host: usize) {
        let node = &self.nodes[host];
        let clock = node.plan.clock + self.world.now() / MILLISECOND;
        let timeout = node.endpoint.as_ref().and_then(|endpoint| endpoint.next_timeout(clock));
        let is_connecting = |(token, side): &(u32, Side)| {
            self.connections[*token as usize].end(*side).is_some_and(|end| end.stage == Stage::Connecting)
        };
        if timeout.is_some_and(|time| time <= clock + 1) && node.connections.values().all(is_connecting) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Checks what a host sends, and what it keeps.
    fn check_output(&mut self, host: usize, output: &Output) -> Result<(), String> {
        if self.is_readable(host) {
            let (connections, datagrams) = (&mut self.connections, &output.datagrams);
            check_transmissions(
                &self.nodes,
                host,
                connections,
                datagrams,
                self.world.now(),
                self.round_trip,
            )?;
        }
        let node = &self.nodes[host];
        let most = waiting_limit(&node.plan.config);
        match node.endpoint.as_ref().and_then(|endpoint| endpoint.waiting_bytes()) {
            Some(waiting) if waiting > most => Err(format!("{waiting} bytes wait, more than {most}")),
            _ => Ok(()),
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &Bytes) {
        let now = self.world.now();
        self.datagrams += 1;
        self.trace.number(now);
        self.trace.number(u64::from(from.port()) << 16 | u64::from(to.port()));
        self.trace.bytes(datagram);
        let copies = self.world.send(from, to, datagram);
        if self.trace.is_logged() {
            let text = format!("{from} -> {to}: {copies} x {} bytes: {}", datagram.len(), hex(datagram));
            self.trace.line(now, format_args!("{text}"));
        }
        if let Some((largest, count)) = &mut self.watched {
            *largest = datagram.len().max(*largest);
            *count += 1;
        }
    }
}
