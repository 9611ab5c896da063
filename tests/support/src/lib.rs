//! What several tests and benches of boothd need: the program as a child process, a broker, clients
//! for every interface, and doubles for the hardware.

pub mod place;
pub mod small_disk;
pub mod process;
pub mod http;
pub mod daemon;
pub mod operator;
pub mod broker;
pub mod fleet;
pub mod fleet_client;
pub mod script;
pub mod doubles;
pub mod node;
pub mod doors;
pub mod onnxruntime;
pub mod prometheus;
pub mod schema;
