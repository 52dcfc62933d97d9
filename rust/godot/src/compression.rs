//! Converts `ENetConnection.CompressionMode` and the project's settings to the driver's compression.

use crate::api::CompressionMode;
use enet_rs_driver::Compression;
use godot::classes::ProjectSettings;
use godot::meta::ToGodot;
use godot::obj::Singleton;

/// Project settings of the compression levels, with the engine's defaults.
const ZLIB_LEVEL: (&str, i32) = ("compression/formats/zlib/compression_level", -1);
const ZSTD_LEVEL: (&str, i32) = ("compression/formats/zstd/compression_level", 3);

/// The compression of a mode, which is `None` for `COMPRESS_NONE`; the outer `None` if there is no such mode.
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
