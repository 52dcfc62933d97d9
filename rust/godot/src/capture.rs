//! Converts what scripts ask of a capture to the driver's options, and opens its file.

use enet_rs_driver::CaptureOptions;
use godot::builtin::{GString, VarDictionary, Variant, VariantType};
use godot::classes::ProjectSettings;
use godot::obj::Singleton;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// The most seconds that a capture can be limited to.
const MAX_SECONDS: f64 = 1e6;

/// The options of a dictionary; all keys may be missing.
///
/// # Errors
/// A key or a value is not one; the text says which.
pub(crate) fn options(limits: &VarDictionary) -> Result<CaptureOptions, String> {
    let mut options = CaptureOptions::default();
    for (name, value) in limits.iter_shared() {
        match &name.stringify().to_string()[..] {
            "bytes" => options.max_bytes = count(&value, "bytes")?,
            "seconds" => options.max_duration = (seconds(&value)? * 1_000.0) as u32,
            "datagram" => {
                options.datagram_bytes = usize::try_from(count(&value, "datagram")?).unwrap_or(usize::MAX);
            }
            "payloads" => options.payloads = flag(&value, "payloads")?,
            "plain" => options.plain = flag(&value, "plain")?,
            name => {
                return Err(format!(
                    "there is no key \"{name}\", but bytes, seconds, datagram, payloads, plain"
                ));
            }
        }
    }
    if !options.payloads && !options.plain {
        return Err("payloads can be left out of a plain capture only".to_owned());
    }
    Ok(options)
}

/// Makes the file of a capture, at one of Godot's paths.
///
/// # Errors
/// The operating system's reason.
pub(crate) fn create(path: &GString) -> io::Result<Box<dyn Write + Send>> {
    let path = ProjectSettings::singleton().globalize_path(path).to_string();
    Ok(Box::new(BufWriter::with_capacity(64 << 10, File::create(path)?)))
}

fn count(value: &Variant, name: &str) -> Result<u64, String> {
    let count = value.try_to::<i64>().ok().filter(|_| value.get_type() == VariantType::INT);
    count
        .and_then(|count| u64::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("\"{name}\" must be a whole number above 0, but is {value}"))
}

fn seconds(value: &Variant) -> Result<f64, String> {
    let seconds = match value.get_type() {
        VariantType::INT => value.to::<i64>() as f64,
        VariantType::FLOAT => value.to::<f64>(),
        _ => f64::NAN,
    };
    let is_valid = seconds > 0.0 && seconds <= MAX_SECONDS;
    is_valid.then_some(seconds).ok_or_else(|| {
        format!("\"seconds\" must be a number above 0 and up to {MAX_SECONDS}, but is {value}")
    })
}

fn flag(value: &Variant, name: &str) -> Result<bool, String> {
    let flag = value.try_to::<bool>().ok().filter(|_| value.get_type() == VariantType::BOOL);
    flag.ok_or_else(|| format!("\"{name}\" must be true or false, but is {value}"))
}
