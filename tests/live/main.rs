//! The WebSocket as clients meet it: a real server on the loopback, real sockets, a real store,
//! and for media the real decoders and models.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod admission;
mod limits;
mod media;
mod pages;
mod preview;
mod schemas;
mod sessions;
mod tokens;
mod watching;

use boothd_test_support::{doors, schema};

use std::{fs, time::Duration};

use boothd::{clock::Clock, http::HttpConfig, store::Role};
use doors::*;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};
