//! Pictures and sound that a client sends: into its own stream.

use std::sync::Arc;

use axum::body::Bytes;

use super::{Connection, End, Own, Step, feed::Feed};
use crate::{
    booth_api::{
        clients::Client,
        message::{
            client::{
                AudioChunkData, BINARY_HEADER_BYTES, BinaryKind, VideoFrameData, parse_binary,
            },
            refusal::Refusal,
            stamp::Stamp,
        },
    },
    decode::data_url::{self, LARGEST_PICTURE_BYTES, LARGEST_SOUND_BYTES},
    http::close_code,
    media::{PixelFormat, SoundFormat},
    store::Role,
};

impl Connection {
    pub(super) async fn take_frame(
        &mut self,
        sent: VideoFrameData<'_>,
        stamp: Option<Stamp>,
    ) -> Step {
        within(data_url::bytes_in(&sent.frame), LARGEST_PICTURE_BYTES)?;
        let picture = data_url::picture(&sent.frame);
        let frame = picture.map_err(|error| Refusal::new("invalid_media", error.to_string()));
        self.put_frame(frame, stamp).await
    }

    pub(super) async fn take_chunk(
        &mut self,
        sent: AudioChunkData<'_>,
        stamp: Option<Stamp>,
    ) -> Step {
        within(data_url::bytes_in(&sent.audio), LARGEST_SOUND_BYTES)?;
        let chunk = data_url::sound(&sent.audio);
        let chunk = chunk.map_err(|error| Refusal::new("invalid_media", error.to_string()));
        self.put_chunk(chunk.map(|data| (SoundFormat::Detect, data)), stamp).await
    }

    pub(super) async fn take_binary(&mut self, message: Bytes) -> Step {
        if self.guest.is_none() {
            return self.refuse_unauthenticated().await;
        }
        let (kind, timestamp) = match parse_binary(&message) {
            Ok(header) => header,
            Err(refusal) => return self.refuse(refusal, None).await,
        };
        let (payload, stamp) = (&message[BINARY_HEADER_BYTES..], Some(timestamp.into()));
        match kind {
            BinaryKind::Jpeg => {
                within(payload.len(), LARGEST_PICTURE_BYTES)?;
                self.put_frame(Ok((PixelFormat::Jpeg, payload.to_vec())), stamp).await
            }
            BinaryKind::Recording => {
                within(payload.len(), LARGEST_SOUND_BYTES)?;
                self.put_chunk(Ok((SoundFormat::Recording, payload.to_vec())), stamp).await
            }
            BinaryKind::Pcm => {
                within(payload.len(), LARGEST_SOUND_BYTES)?;
                self.put_chunk(Ok((SoundFormat::Pcm16k, payload.to_vec())), stamp).await
            }
        }
    }

    async fn put_frame(
        &mut self,
        frame: Result<(PixelFormat, Vec<u8>), Refusal>,
        stamp: Option<Stamp>,
    ) -> Step {
        self.stats.frames_total += 1;
        let taken = self.own_stream().and_then(|client| {
            let (format, data) = frame?;
            client.put_frame(format, data, stamp.clone())
        });
        match taken {
            Ok(()) => Ok(()),
            Err(refusal) => self.refuse(refusal, stamp).await,
        }
    }

    async fn put_chunk(
        &mut self,
        chunk: Result<(SoundFormat, Vec<u8>), Refusal>,
        stamp: Option<Stamp>,
    ) -> Step {
        self.stats.chunks_total += 1;
        let taken = self.own_stream().and_then(|client| {
            let (format, data) = chunk?;
            client.put_chunk(format, data, stamp.clone())
        });
        match taken {
            Ok(()) => Ok(()),
            Err(refusal) => self.refuse(refusal, stamp).await,
        }
    }

    /// The stream of the client's session; opened, or taken over, with the first use.
    pub(super) fn own_stream(&mut self) -> Result<Arc<Client>, Refusal> {
        if let Some(own) = &self.own {
            return Ok(own.client.clone());
        }
        let Some(guest) = &self.guest else {
            return Err(Refusal::new("unauthorized", "send `auth` first"));
        };
        if guest.token.role == Role::Viewer {
            let sentence = "a viewer's token watches; media needs a guest's or an operator's";
            return Err(Refusal::new("forbidden", sentence));
        }
        let clients = &self.shared.clients;
        let client =
            clients.attach(&guest.session_id, &self.id, &guest.token, guest.claim.clone())?;
        let (feed, sender) = (Feed::own(client.clone()), client.sender());
        self.own = Some(Own { client: client.clone(), feed, sender });
        Ok(client)
    }
}

/// A picture or sound over its limit closes the connection.
fn within(bytes: usize, limit: usize) -> Step {
    if bytes > limit {
        return Err(End::Close(close_code::SIZE, "the picture or the sound is too long"));
    }
    Ok(())
}
