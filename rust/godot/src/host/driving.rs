//! Who services a host: its owner, when a script calls, or the background thread.

use crate::background;
use enet_rs_driver::protocol::Event;
use enet_rs_driver::{BackgroundDriver, Driver, ServiceError};
use std::time::Duration;

/// A driver, and who services it.
pub(super) enum Driving {
    /// The owner, in [`service`](Self::service). Boxed, since drivers are large and move between the two.
    Owner(Box<Driver>),
    /// The background thread.
    Background(BackgroundDriver),
}

impl Driving {
    /// A driver that its owner services.
    pub(super) fn new(driver: Driver) -> Self {
        Self::Owner(Box::new(driver))
    }

    /// Has the background thread service the driver, or the owner again. Where the system has no thread left,
    /// the owner goes on.
    pub(super) fn set_background(self, enabled: bool) -> Self {
        match (self, enabled) {
            (Self::Owner(driver), true) => match background::THREAD.service(*driver) {
                Ok(driver) => Self::Background(driver),
                Err(driver) => Self::new(driver),
            },
            (Self::Background(driver), false) => Self::new(driver.into_driver()),
            (unchanged, _) => unchanged,
        }
    }

    /// Whether the background thread services the driver.
    pub(super) fn is_background(&self) -> bool {
        matches!(self, Self::Background(_))
    }

    /// Looks at the driver.
    pub(super) fn read<R>(&self, look: impl FnOnce(&Driver) -> R) -> R {
        match self {
            Self::Owner(driver) => look(driver),
            Self::Background(driver) => driver.read(look),
        }
    }

    /// Uses the driver. What that queues leaves with the owner's next call, or in the background within 2 ms.
    pub(super) fn with<R>(&mut self, action: impl FnOnce(&mut Driver) -> R) -> R {
        match self {
            Self::Owner(driver) => action(driver),
            Self::Background(driver) => driver.with(action),
        }
    }

    /// The next event, for which the driver works up to `wait`.
    pub(super) fn service(&mut self, wait: Duration) -> Result<Option<Event>, ServiceError> {
        match self {
            Self::Owner(driver) => driver.service(wait),
            Self::Background(driver) => driver.service(wait),
        }
    }

    /// An event that waits already.
    pub(super) fn poll_event(&mut self) -> Result<Option<Event>, ServiceError> {
        match self {
            Self::Owner(driver) => driver.poll_event(),
            Self::Background(driver) => driver.poll_event(),
        }
    }

    /// Sends what is queued.
    pub(super) fn flush(&mut self) -> Result<(), ServiceError> {
        match self {
            Self::Owner(driver) => driver.flush(),
            Self::Background(driver) => driver.flush(),
        }
    }

    /// Whether [`take_unreported`](Self::take_unreported) has something to give.
    #[inline]
    pub(super) fn has_unreported(&self) -> bool {
        match self {
            Self::Owner(driver) => driver.has_unreported(),
            Self::Background(_) => false,
        }
    }

    /// A failure that no event and no result has reported. In the background, `service` reports all of them.
    pub(super) fn take_unreported(&mut self) -> Option<ServiceError> {
        match self {
            Self::Owner(driver) => driver.take_unreported(),
            Self::Background(_) => None,
        }
    }

    /// The driver for someone else.
    pub(super) fn into_driver(self) -> Driver {
        match self {
            Self::Owner(driver) => *driver,
            Self::Background(driver) => driver.into_driver(),
        }
    }
}
