//! The centre: takes what many booths say over MQTT, keeps it, and shows it on one page.
