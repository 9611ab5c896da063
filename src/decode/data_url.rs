//! Pictures and sound as clients write them into JSON: data URLs and bare base64.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};

use crate::{
    error::{Error, ErrorKind, Result},
    media::PixelFormat,
};

/// The largest picture as JPEG or PNG, however it was sent.
pub const LARGEST_PICTURE_BYTES: usize = 5_000_000;

/// The largest chunk of sound as WebM or WAV, however it was sent.
pub const LARGEST_SOUND_BYTES: usize = 10_000_000;

/// How many bytes a data URL or bare base64 holds, by its length: nothing is decoded.
pub fn bytes_in(url: &str) -> usize {
    let base64 = split(url).map_or(url, |(_, base64)| base64).trim_ascii();
    let padding = base64.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    // 3 bytes are written as 4 characters.
    (base64.len() / 4 * 3).saturating_sub(padding)
}

/// The picture of `data:image/jpeg;base64,…` or `data:image/png;base64,…`, not yet decoded.
///
/// # Errors
/// `InvalidInput` when it is not such a URL, is over [`LARGEST_PICTURE_BYTES`] (judged by its
/// length, before memory is taken), or holds bytes that are neither JPEG nor PNG.
pub fn picture(url: &str) -> Result<(PixelFormat, Vec<u8>)> {
    let (media_type, base64) = split(url).ok_or_else(|| {
        refused(
            "a frame is a data URL: `data:image/jpeg;base64,…` or `data:image/png;base64,…`",
        )
    })?;
    let is_picture = ["image/jpeg", "image/jpg", "image/png"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(media_type));
    if !is_picture {
        let shown: String = media_type.chars().take(40).collect();
        return Err(refused(format!(
            "a frame of type `{shown}`; send image/jpeg or image/png"
        )));
    }
    let data = decode(base64, LARGEST_PICTURE_BYTES, "frame")?;
    // Some browsers answer a wish for one type with the other; the bytes know.
    let format = match data.as_slice() {
        [0xFF, 0xD8, ..] => PixelFormat::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => PixelFormat::Png,
        [] => return Err(refused("an empty frame; send one after the camera has started")),
        _ => return Err(refused("a frame that is neither JPEG nor PNG")),
    };
    Ok((format, data))
}

/// The bytes of a chunk of sound: bare base64, or a data URL of any type.
///
/// # Errors
/// `InvalidInput` when it is not base64 or over [`LARGEST_SOUND_BYTES`].
pub fn sound(base64: &str) -> Result<Vec<u8>> {
    let base64 = split(base64).map_or(base64, |(_, base64)| base64);
    decode(base64, LARGEST_SOUND_BYTES, "audio chunk")
}

/// The media type without its parameters, and the base64 of a data URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let scheme = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, base64) = url[scheme.len()..].split_once(',')?;
    let (head, last) = head.rsplit_once(';')?;
    if !last.trim().eq_ignore_ascii_case("base64") {
        return None;
    }
    Some((head.split(';').next().unwrap_or_default().trim(), base64))
}

fn decode(base64: &str, largest: usize, what: &str) -> Result<Vec<u8>> {
    let base64 = base64.trim_ascii();
    if bytes_in(base64) > largest {
        let message =
            format!("a {what} of over {} MB; send a smaller one", largest / 1_000_000);
        return Err(refused(message));
    }
    STANDARD.decode(base64).map_err(|err| {
        let place = match err {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => {
                format!("character {at}")
            }
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => "its end".into(),
        };
        refused(format!("a {what} that is not base64 (at {place})")).because(err)
    })
}

fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_known_by_their_bytes() {
        let jpeg = picture("data:image/jpeg;base64,/9j/4A==").unwrap();
        assert_eq!(jpeg, (PixelFormat::Jpeg, vec![0xFF, 0xD8, 0xFF, 0xE0]));
        let png = picture("DATA:image/JPEG;charset=x;Base64, iVBORw== ").unwrap();
        assert_eq!(png, (PixelFormat::Png, b"\x89PNG".to_vec()));
    }

    #[test]
    fn what_is_no_picture_is_refused_with_what_to_do() {
        for (url, reason) in [
            ("", "data URL"),
            ("/9j/4A==", "data URL"),
            ("data:image/jpeg,/9j/", "data URL"),
            ("data:,", "data URL"),
            ("dät:", "data URL"),
            ("data:image/webp;base64,UklGRg==", "image/webp"),
            ("data:image/jpeg;base64,", "empty"),
            ("data:image/jpeg;base64,UklGRg==", "neither JPEG nor PNG"),
            ("data:image/jpeg;base64,/9j/4", "its end"),
            ("data:image/jpeg;base64,/9j*4A==", "character 3"),
        ] {
            let err = picture(url).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(err.to_string().contains(reason), "{url}: {err}");
        }
    }

    #[test]
    fn the_length_of_base64_gives_the_bytes() {
        for bytes in 0..10 {
            let base64 = STANDARD.encode(vec![7; bytes]);
            assert_eq!(bytes_in(&base64), bytes);
            assert_eq!(bytes_in(&format!("data:image/png;base64, {base64} ")), bytes);
        }
        assert_eq!((bytes_in("="), bytes_in("====="), bytes_in("data:,")), (0, 1, 3));
    }

    #[test]
    fn the_limit_is_exact() {
        let url = |bytes: usize| {
            let mut data = vec![0; bytes];
            data[..2].copy_from_slice(&[0xFF, 0xD8]);
            format!("data:image/jpeg;base64,{}", STANDARD.encode(data))
        };
        assert_eq!(
            picture(&url(LARGEST_PICTURE_BYTES)).unwrap().1.len(),
            LARGEST_PICTURE_BYTES
        );
        let err = picture(&url(LARGEST_PICTURE_BYTES + 1)).unwrap_err().to_string();
        assert!(err.contains("5 MB"), "{err}");
    }

    #[test]
    fn sound_is_bare_or_a_data_url() {
        assert_eq!(sound("UklGRg==").unwrap(), b"RIFF");
        assert_eq!(sound("data:audio/webm;codecs=opus;base64,UklGRg==").unwrap(), b"RIFF");
        assert_eq!(sound("").unwrap(), b"");
        assert!(sound("RIFF!").is_err());
    }
}
