//! boothd measures facial and vocal behaviour in an interview booth and streams it live.
//!
//! The modules stand in the order in which a picture and a sound travel, and **a module imports
//! only modules listed above it**: reading order = data order = dependency order.
//! `tests/layering` enforces this order.

// -- the vocabulary ----------------------------------------------------------------------------
pub mod error;
pub mod names;
pub mod stop;
pub mod gate;
pub mod clock;
pub mod cost;
pub mod features;
pub mod policy;
pub mod metric;
pub mod media;
pub mod heartbeat;
pub mod component;
pub mod board;
pub mod memory;
pub mod light;
pub mod certificate;
pub mod health;
// -- the path of a frame and of a sample -------------------------------------------------------
pub mod decode;
pub mod capture;
pub mod inference;
pub mod vision;
pub mod speech;
pub mod session;
pub mod report;
pub mod engine;
// -- where a report goes -----------------------------------------------------------------------
pub mod store;
pub mod interview;
pub mod recorder;
pub mod mqtt;
pub mod http;
pub mod booth_api;
pub mod fleet;
// -- the whole ---------------------------------------------------------------------------------
pub mod service;
pub mod config;
pub mod app;
pub mod command;
