//! From `ENetConnection.CompressionMode` and the project's settings to what compresses.

use crate::api::CompressionMode;
use enet_rs_driver::Compression;
use godot::classes::ProjectSettings;
use godot::meta::ToGodot;
use godot::obj::Singleton;

/// How strongly the engine compresses with zlib and with Zstandard: settings of the project with the engine's
/// defaults.
const ZLIB_LEVEL: (&str, i32) = ("compression/formats/zlib/compression_level", -1);
const ZSTD_LEVEL: (&str, i32) = ("compression/formats/zstd/compression_level", 3);

/// What a mode stands for, which is nothing for `COMPRESS_NONE`; `None` if there is no such mode.
pub(crate) fn of_mode(mode: CompressionMode) -> Option<Option<Compression>> {
    Some(match mode.0 {
        0 => None,
        1 => Some(Compression::RangeCoder),
        2 => Some(Compression::FastLz),
        3 => Some(Compression::Zlib { level: level(ZLIB_LEVEL) }),
        4 => Some(Compression::Zstd { level: level(ZSTD_LEVEL) }),
        5 => Some(Compression::Lz4),
        _ => return None,
    })
}

fn level((setting, default): (&str, i32)) -> i32 {
    let settings = ProjectSettings::singleton();
    let value = settings.get_setting_ex(setting).default_value(&default.to_variant()).done();
    value.try_to().unwrap_or(default)
}
