//! Which format is requested from a camera, and whether boothd can decode what it delivers.

use v4l::{Format, FourCC};

use crate::{
    error::{Error, ErrorKind, Result},
    media::PixelFormat,
};

use super::{camera::CameraConfig, camera_info::CameraInfo};

/// The largest picture for which raw frames are preferred: beyond it, raw does not fit USB 2.0.
const LARGEST_RAW_PX: u32 = 640 * 480;

/// The pixel format that boothd can decode behind a fourcc.
pub(super) fn decodable(fourcc: FourCC) -> Option<PixelFormat> {
    match &fourcc.repr {
        b"YUYV" => Some(PixelFormat::Yuyv),
        b"MJPG" | b"JPEG" => Some(PixelFormat::Jpeg),
        b"YU12" => Some(PixelFormat::I420),
        b"RGB3" => Some(PixelFormat::Rgb8),
        _ => None,
    }
}

/// What to ask of a camera that offers `info.formats`.
///
/// Raw YUYV comes first up to 640x480: it costs no decoding and no compression artefacts, and
/// fits USB 2.0. Larger raw pictures do not, so there MJPEG comes first.
pub(super) fn choose(info: &CameraInfo, wanted: &CameraConfig) -> Result<Format> {
    let (width, height) = (wanted.width_px, wanted.height_px);
    let order: [&[u8; 4]; 5] = if width.saturating_mul(height) <= LARGEST_RAW_PX {
        [b"YUYV", b"MJPG", b"JPEG", b"YU12", b"RGB3"]
    } else {
        [b"MJPG", b"JPEG", b"YUYV", b"YU12", b"RGB3"]
    };
    let offered = || {
        let find = |code: &&[u8; 4]| info.formats.iter().find(|f| f.fourcc.as_bytes() == *code);
        order.iter().filter_map(find)
    };
    let at_that_size = offered().find(|format| format.has_size(width, height));
    let Some(best) = at_that_size.or_else(|| offered().next()) else {
        return Err(nothing_decodable(info));
    };
    let mut code = [b' '; 4];
    code.copy_from_slice(best.fourcc.as_bytes());
    Ok(Format::new(width, height, FourCC::new(&code)))
}

fn nothing_decodable(info: &CameraInfo) -> Error {
    let message = format!(
        "camera {} ({}) offers no format that boothd can decode (YUYV, MJPG, JPEG, YU12, RGB3), \
         only {}; {}",
        info.card,
        info.node.display(),
        info.offers(),
        info.advice()
    );
    Error::new(ErrorKind::Config, message)
}

pub(super) fn undecodable(info: &CameraInfo, given: &Format) -> Error {
    let message = format!(
        "camera {} ({}) switched to {} {}x{}, {} bytes a row, which boothd cannot decode; it \
         offers {}",
        info.card,
        info.node.display(),
        given.fourcc,
        given.width,
        given.height,
        given.stride,
        info.offers()
    );
    Error::new(ErrorKind::Config, message)
}

/// How a frame lies in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) stride_bytes: usize,
}

impl Layout {
    /// `None` when boothd cannot decode it: another format, no size, planes with padding.
    pub(super) fn of(given: &Format) -> Option<Layout> {
        let format = decodable(given.fourcc)?;
        let has_size = given.width > 0 && given.height > 0;
        let is_padded_plane = format == PixelFormat::I420 && given.stride != given.width;
        (has_size && !is_padded_plane).then_some(Layout {
            format,
            width_px: given.width,
            height_px: given.height,
            stride_bytes: given.stride as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::camera_info::{FormatInfo, Sizes};

    fn camera(formats: &[(&str, &[(u32, u32)])]) -> CameraInfo {
        let format = |(fourcc, sizes): &(&str, &[(u32, u32)])| FormatInfo {
            fourcc: (*fourcc).to_owned(),
            description: String::new(),
            sizes: Sizes::Listed(sizes.to_vec()),
        };
        CameraInfo { formats: formats.iter().map(format).collect(), ..CameraInfo::default() }
    }

    fn chosen(info: &CameraInfo, width_px: u32, height_px: u32) -> String {
        let wanted = CameraConfig { width_px, height_px, ..CameraConfig::default() };
        choose(info, &wanted).unwrap().fourcc.to_string()
    }

    #[test]
    fn raw_is_preferred_while_it_fits_the_bus() {
        let all = [(640, 480), (1280, 720)];
        let c920 = camera(&[("MJPG", &all), ("YUYV", &all), ("H264", &all)]);
        assert_eq!(chosen(&c920, 640, 480), "YUYV");
        assert_eq!(chosen(&c920, 1280, 720), "MJPG");
    }

    #[test]
    fn the_wanted_size_outweighs_the_preference() {
        let info = camera(&[("YUYV", &[(320, 240)]), ("MJPG", &[(640, 480)])]);
        assert_eq!(chosen(&info, 640, 480), "MJPG");
        assert_eq!(
            chosen(&info, 800, 600),
            "MJPG",
            "neither has it: the preferred of that size"
        );
    }

    #[test]
    fn a_camera_without_a_decodable_format_is_refused_with_what_it_offers() {
        let info = camera(&[("H264", &[(1920, 1080)]), ("NV12", &[])]);
        let err = choose(&info, &CameraConfig::default()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Config);
        assert!(err.to_string().contains("only H264 1920x1080, NV12"), "{err}");
    }

    #[test]
    fn the_layout_follows_what_the_driver_returned() {
        let mut given = Format::new(320, 240, FourCC::new(b"YUYV"));
        given.stride = 704;
        let layout = Layout::of(&given).unwrap();
        assert_eq!((layout.width_px, layout.stride_bytes), (320, 704));
        given.fourcc = FourCC::new(b"YU12");
        assert_eq!(Layout::of(&given), None, "padded planes");
        given.fourcc = FourCC::new(b"NV12");
        assert_eq!(Layout::of(&given), None);
    }
}
