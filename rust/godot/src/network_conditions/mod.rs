//! The network conditions that scripts ask for: dictionaries to conditions of the driver's conditioner, and
//! back. `presets` has the networks with a name, `project` reads what the project and the command line say.

mod presets;
mod project;

use enet_rs_driver as driver;
use enet_rs_driver::sim::{Bursts, Conditions, Damage, RateLimit};
use godot::builtin::{VarDictionary, Variant, VariantType, vdict};
use godot::meta::ToGodot;
pub(crate) use presets::dictionary as presets;
pub(crate) use project::of_project;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The conditions of both directions of a host.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct NetworkConditions {
    incoming: Link,
    outgoing: Link,
    seed: i64,
}

/// The conditions of one direction, in the units of the dictionaries' keys.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
struct Link {
    latency: f64,
    jitter: f64,
    loss: f64,
    burst: f64,
    duplicate: f64,
    reorder: f64,
    corrupt: f64,
    rate: f64,
    queue: f64,
}

/// A key of a dictionary.
struct Key {
    name: &'static str,
    /// The highest value; the lowest is 0.
    maximum: f64,
    is_whole: bool,
    value: fn(&mut Link) -> &mut f64,
}

const fn key(name: &'static str, maximum: f64, value: fn(&mut Link) -> &mut f64) -> Key {
    Key { name, maximum, is_whole: false, value }
}

const fn bytes(name: &'static str, maximum: f64, value: fn(&mut Link) -> &mut f64) -> Key {
    Key { name, maximum, is_whole: true, value }
}

/// The keys of one direction. Bounds keep times and sizes within what the emulator can count.
const KEYS: [Key; 9] = [
    key("latency", 10_000.0, |link| &mut link.latency),
    key("jitter", 10_000.0, |link| &mut link.jitter),
    key("loss", 1.0, |link| &mut link.loss),
    key("burst", 1_000.0, |link| &mut link.burst),
    key("duplicate", 1.0, |link| &mut link.duplicate),
    key("reorder", 1.0, |link| &mut link.reorder),
    key("corrupt", 1.0, |link| &mut link.corrupt),
    bytes("rate", 1e9, |link| &mut link.rate),
    bytes("queue", 1e9, |link| &mut link.queue),
];

/// By how much a datagram that loses its place comes later than it would, at most, milliseconds: two to three
/// frames, so that others overtake it.
const REORDER_DELAY: f64 = 50.0;
/// The queue of a rate without one: what the rate lets through in this many seconds, as in a usual router...
const QUEUE_SECONDS: f64 = 0.25;
/// ... and room for some full datagrams, bytes.
const MINIMUM_QUEUE: f64 = 8_192.0;
/// Microseconds in a millisecond.
const MILLISECOND: f64 = 1_000.0;

impl NetworkConditions {
    /// The conditions that a dictionary asks for; none if it is empty.
    ///
    /// # Errors
    /// A key or a value is not one; the text says which.
    pub(crate) fn from_dictionary(dictionary: &VarDictionary) -> Result<Option<Self>, String> {
        if dictionary.is_empty() {
            return Ok(None);
        }
        let mut conditions = match dictionary.get("preset") {
            None => Self { incoming: Link::default(), outgoing: Link::default(), seed: random_seed() },
            Some(name) => Self::of_preset_variant(&name)?,
        };
        let mut directions = Vec::new();
        for (name, value) in dictionary.iter_shared() {
            match &name.stringify().to_string()[..] {
                "preset" => {}
                "seed" => conditions.seed = seed(&value)?,
                "in" => directions.push((true, direction(&value, "in")?)),
                "out" => directions.push((false, direction(&value, "out")?)),
                name => {
                    conditions.incoming.set(name, &value)?;
                    conditions.outgoing.set(name, &value)?;
                }
            }
        }
        // What is said of one direction counts before what is said of both, in whatever order it is said.
        for (is_incoming, direction) in directions {
            let link = if is_incoming { &mut conditions.incoming } else { &mut conditions.outgoing };
            for (name, value) in direction.iter_shared() {
                link.set(&name.stringify().to_string(), &value)?;
            }
        }
        conditions.incoming.complete();
        conditions.outgoing.complete();
        Ok(Some(conditions))
    }

    /// The conditions of a text: the name of a preset, or a dictionary in JSON.
    ///
    /// # Errors
    /// It is neither; the text says why.
    pub(crate) fn from_text(text: &str) -> Result<Option<Self>, String> {
        if !text.trim_start().starts_with('{') {
            return Self::of_preset(text).map(Some);
        }
        let parsed = godot::classes::Json::parse_string(text);
        let dictionary = parsed.try_to::<VarDictionary>().map_err(|_| "it is no valid JSON".to_owned())?;
        Self::from_dictionary(&dictionary)
    }

    fn of_preset_variant(name: &Variant) -> Result<Self, String> {
        match name.get_type() {
            VariantType::STRING | VariantType::STRING_NAME => Self::of_preset(&name.stringify().to_string()),
            _ => Err(format!("\"preset\" must be a name, but is {}", show(name))),
        }
    }

    fn of_preset(name: &str) -> Result<Self, String> {
        let preset = presets::find(name).ok_or_else(|| {
            let names: Vec<String> = presets::names().map(|name| format!("\"{name}\"")).collect();
            format!("there is no preset \"{name}\", but {}", names.join(", "))
        })?;
        let [incoming, outgoing] = preset;
        let mut conditions = Self { incoming, outgoing, seed: random_seed() };
        conditions.incoming.complete();
        conditions.outgoing.complete();
        Ok(conditions)
    }

    /// As a dictionary that sets the same conditions.
    pub(crate) fn dictionary(&self) -> VarDictionary {
        vdict! {
            "in" => &self.incoming.dictionary(),
            "out" => &self.outgoing.dictionary(),
            "seed" => self.seed,
        }
    }

    /// As the driver takes them.
    pub(crate) fn for_driver(&self) -> driver::NetworkConditions {
        driver::NetworkConditions {
            incoming: self.incoming.conditions(),
            outgoing: self.outgoing.conditions(),
            seed: self.seed.cast_unsigned(),
        }
    }
}

impl Link {
    fn set(&mut self, name: &str, value: &Variant) -> Result<(), String> {
        let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
            let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            format!("there is no key \"{name}\", but in, out, preset, seed, {}", names.join(", "))
        })?;
        let number = number(value).filter(|number| (0.0..=key.maximum).contains(number));
        let number = number.filter(|number| !key.is_whole || number.fract() == 0.0).ok_or_else(|| {
            let kind = if key.is_whole { "a whole number" } else { "a number" };
            format!("\"{name}\" must be {kind} from 0 to {}, but is {}", key.maximum, show(value))
        })?;
        *(key.value)(self) = number;
        Ok(())
    }

    /// Gives a rate its queue, and losses their bursts.
    fn complete(&mut self) {
        if self.rate > 0.0 && self.queue == 0.0 {
            self.queue = (self.rate * QUEUE_SECONDS).round().max(MINIMUM_QUEUE);
        }
        self.burst = self.burst.max(1.0);
    }

    fn dictionary(mut self) -> VarDictionary {
        let mut dictionary = VarDictionary::new();
        for key in &KEYS {
            let number = *(key.value)(&mut self);
            // Whole ones are bounded far below the precision of a float.
            let value = if key.is_whole { (number as i64).to_variant() } else { number.to_variant() };
            dictionary.set(key.name, &value);
        }
        dictionary
    }

    fn conditions(&self) -> Conditions {
        let microseconds = |milliseconds: f64| (milliseconds * MILLISECOND) as u64;
        // Jitter goes both ways, but nothing arrives before it was sent.
        let least = (self.latency - self.jitter).max(0.0);
        let most = self.latency + self.jitter;
        let comes_in_bursts = self.burst > 1.0;
        Conditions {
            latency: microseconds(least),
            jitter: microseconds(most) - microseconds(least),
            in_order: false,
            loss: if comes_in_bursts { 0.0 } else { self.loss },
            bursts: comes_in_bursts.then(|| Bursts::of_length(self.loss, self.burst)),
            duplicates: self.duplicate,
            reorder: self.reorder,
            reorder_delay: microseconds(REORDER_DELAY),
            damage: Damage { flips: self.corrupt, truncation: 0.0 },
            rate: (self.rate > 0.0)
                .then_some(RateLimit { bytes_per_second: self.rate as u64, queue_bytes: self.queue as u64 }),
        }
    }
}

/// The dictionary of one direction.
fn direction(value: &Variant, name: &str) -> Result<VarDictionary, String> {
    value
        .try_to::<VarDictionary>()
        .map_err(|_| format!("\"{name}\" must be a Dictionary, but is {}", show(value)))
}

/// A seed; in JSON it is a float.
fn seed(value: &Variant) -> Result<i64, String> {
    let seed = match value.get_type() {
        VariantType::INT => Some(value.to::<i64>()),
        VariantType::FLOAT => {
            let seed = value.to::<f64>();
            (seed.fract() == 0.0 && seed.abs() <= 2_f64.powi(53)).then_some(seed as i64)
        }
        _ => None,
    };
    seed.ok_or_else(|| format!("\"seed\" must be a whole number, but is {}", show(value)))
}

/// A finite number.
fn number(value: &Variant) -> Option<f64> {
    match value.get_type() {
        VariantType::INT => Some(value.to::<i64>() as f64),
        VariantType::FLOAT => Some(value.to::<f64>()).filter(|number| number.is_finite()),
        _ => None,
    }
}

/// A value in an error message.
fn show(value: &Variant) -> String {
    match value.get_type() {
        VariantType::STRING | VariantType::STRING_NAME => format!("\"{value}\""),
        _ => value.to_string(),
    }
}

/// A seed for conditions that name none. It is small enough to pass through JSON.
fn random_seed() -> i64 {
    i64::from(RandomState::new().build_hasher().finish() as u32)
}
