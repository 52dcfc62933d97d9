//! The commands of the sweep: valid ones, truncated ones, and ones with a field at its extremes.

use crate::scene::CHANNELS;
use enet_rs_test_support::raw::{self, ACKNOWLEDGED, LAYOUTS, Layout, SYSTEM_CHANNEL, number};

/// An entry of the catalogue: commands and how they are sent.
pub struct Swept {
    pub layout: &'static Layout,
    pub about: String,
    pub sent_time: Option<u16>,
    pub commands: Vec<u8>,
    /// Whether every host must reject it.
    pub is_wrong: bool,
}

/// Valid values for the fields of a kind of command.
pub fn valid_fields(layout: &Layout) -> Vec<u32> {
    match layout.number {
        number::CONNECT | number::VERIFY_CONNECT => {
            [0, 0, 0, 1392, 65536, 4, 0, 0, 5000, 2, 2, 0x1234_5678, 9][..layout.fields.len()].to_vec()
        }
        number::SEND_FRAGMENT | number::SEND_UNRELIABLE_FRAGMENT => vec![1, 600, 3, 0, 1500, 0],
        _ => layout.fields.iter().map(|_| 1).collect(),
    }
}

/// Every command: valid, truncated, with each field at its extremes, with odd channels, sequence numbers and
/// flags.
pub fn catalogue() -> Vec<Swept> {
    let mut catalogue = Vec::new();
    for layout in &LAYOUTS {
        let fields = valid_fields(layout);
        let payload = vec![6; layout.length.map_or(0, |index| fields[index] as usize)];
        let name = layout.number;
        let mut add = |about: String, sent_time: Option<u16>, commands: Vec<u8>, is_wrong: bool| {
            catalogue.push(Swept { layout, about, sent_time, commands, is_wrong });
        };
        for flags in [0, ACKNOWLEDGED, 0x40, ACKNOWLEDGED | 0x40] {
            for sent_time in [None, Some(0), Some(0xffff)] {
                let valid = raw::command_of(layout, flags, 0, 1, &fields, &payload);
                // An acknowledgement is never acknowledged, whatever it asks for.
                let is_answered = flags & ACKNOWLEDGED != 0 && name != number::ACKNOWLEDGE;
                let unanswerable = is_answered && sent_time.is_none();
                let about =
                    |what: String| format!("command {name} with flags {flags:#x} at {sent_time:?}, {what}");
                for length in (1..valid.len()).filter(|length| *length < 64 || length % 97 == 0) {
                    add(about(format!("cut to {length}")), sent_time, valid[..length].to_vec(), true);
                }
                for channel in [0, 1, CHANNELS, 0x7f, 0xfe, SYSTEM_CHANNEL] {
                    for sequence in [0, 1, 2, 0x0fff, 0x6fff, 0x7000, 0x7fff, 0x8000, 0xfffe, 0xffff] {
                        let command = raw::command_of(layout, flags, channel, sequence, &fields, &payload);
                        let no_channel = layout.length.is_some() && channel >= CHANNELS;
                        let what = format!("channel {channel}, number {sequence:#x}");
                        add(about(what), sent_time, command, unanswerable || no_channel);
                    }
                }
                for (index, width) in layout.fields.iter().enumerate() {
                    for value in raw::extremes(*width) {
                        let mut fields = fields.clone();
                        fields[index] = value;
                        let command = raw::command_of(layout, flags, 0, 1, &fields, &payload);
                        let is_too_long = layout.length == Some(index) && value as usize > payload.len();
                        let what = format!("field {index} = {value:#x}");
                        add(about(what), sent_time, command, unanswerable || is_too_long);
                    }
                }
            }
        }
    }
    // Unassigned command numbers.
    for unknown in [0, 13, 14, 15] {
        for length in [1, 4, 64] {
            let commands = vec![unknown; length];
            let about = format!("command {unknown} of {length} bytes");
            catalogue.push(Swept {
                layout: &LAYOUTS[4],
                about,
                sent_time: Some(1),
                commands,
                is_wrong: true,
            });
        }
    }
    catalogue
}
