//! The door to the central desk: every topic of docs/ref/mqtt.md, and the outbox's publisher.
