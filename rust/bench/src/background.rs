//! What the background thread costs while nothing happens but pings: hosts with connected peers that are
//! quiet, and the processor time of the thread that services them. The other ends are in a second thread.
//! Beside it stands what the kernel takes for the same datagrams.

mod floor;

use crate::table::{heading, row};
use enet_rs_driver::protocol::{Event, HostConfig};
use enet_rs_driver::{Background, BackgroundDriver, Driver};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Hosts and the peers of each.
const SHAPES: [(usize, usize); 3] = [(1, 1), (1, 32), (10, 32)];
/// How long pings may take until they come evenly, and how long is measured.
const QUIESCENCE: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);
const LATEST: Duration = Duration::from_secs(30);

/// Prints the table.
///
/// # Errors
/// Something could not be measured.
pub(crate) fn table() -> Result<bool, String> {
    let columns =
        ["hosts", "peers of each", "share of a core", "kernel alone", "ratio", "wake-ups per second"];
    heading("The background thread while nothing happens but pings", 0, &columns);
    for (hosts, peers) in SHAPES {
        let (Cost { share, wake_ups }, floor) = (measure(hosts, peers)?, floor::share(hosts, peers)?);
        row(&[
            hosts.to_string(),
            peers.to_string(),
            format!("{:.2} %", share * 100.0),
            format!("{:.2} %", floor * 100.0),
            format!("{:.2}", share / floor),
            format!("{wake_ups:.0}"),
        ]);
    }
    Ok(true)
}

struct Cost {
    share: f64,
    wake_ups: f64,
}

fn measure(hosts: usize, peers: usize) -> Result<Cost, String> {
    let before = threads()?;
    let background: &'static Background = Box::leak(Box::new(Background::new()));
    let servers: Vec<_> = (0..hosts).map(|_| bound(background)).collect::<Result<_, _>>()?;
    let thread = threads()?.difference(&before).copied().next().ok_or("there is no thread")?;
    let others: &'static Background = Box::leak(Box::new(Background::new()));
    let mut clients = Vec::new();
    for (_, address) in servers.iter().flat_map(|server| vec![server; peers]) {
        let (client, _) = bound(others)?;
        let connected = client.with(|driver| driver.host_mut().connect(*address, 1, 0));
        connected.map_err(|error| error.to_string())?;
        clients.push(client);
    }
    connect(servers.iter().map(|(server, _)| server).collect(), peers)?;
    connect(clients.iter().collect(), 1)?;
    sleep(QUIESCENCE);
    let (start, before) = (Instant::now(), used(thread)?);
    sleep(MEASURED);
    let (seconds, after) = (start.elapsed().as_secs_f64(), used(thread)?);
    drop((servers, clients));
    background.finish();
    others.finish();
    Ok(Cost {
        share: (after.0 - before.0) as f64 / 1e9 / seconds,
        wake_ups: (after.1 - before.1) as f64 / seconds,
    })
}

fn bound(background: &'static Background) -> Result<(BackgroundDriver, SocketAddr), String> {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let driver = Driver::bind(local, HostConfig::default()).map_err(|error| error.to_string())?;
    let address = driver.local_address().ok_or("a bound socket has no address")?;
    let driver = background.service(driver).map_err(|_| "there is no background thread")?;
    Ok((driver, address))
}

/// Waits until each of the drivers has so many connections.
fn connect(drivers: Vec<&BackgroundDriver>, connections: usize) -> Result<(), String> {
    let end = Instant::now() + LATEST;
    for driver in drivers {
        let mut connected = 0;
        while connected < connections {
            match driver.service(Duration::from_millis(100)) {
                Ok(Some(Event::Connect { .. })) => connected += 1,
                Ok(None) if Instant::now() < end => {}
                other => return Err(format!("{connected} of {connections} have connected, {other:?}")),
            }
        }
    }
    Ok(())
}

/// Processor time that the calling thread has used.
fn threads_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The threads of this process.
fn threads() -> Result<BTreeSet<u32>, String> {
    let tasks = fs::read_dir("/proc/self/task").map_err(|error| error.to_string())?;
    let ids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    Ok(ids.collect())
}

/// Nanoseconds of processor time that a thread has used, and how often it has run.
fn used(thread: u32) -> Result<(u64, u64), String> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))
        .map_err(|error| error.to_string())?;
    let mut figures = text.split_whitespace().map(|figure| figure.parse().unwrap_or(0));
    match (figures.next(), figures.nth(1)) {
        (Some(nanoseconds), Some(times)) => Ok((nanoseconds, times)),
        _ => Err(format!("schedstat is {text:?}")),
    }
}
