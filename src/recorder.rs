//! Keeps the metrics of a session as they happen: one row a second and modality.
