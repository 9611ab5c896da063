//! To come.
pub mod mjpeg;
pub mod resample;
pub mod wav;
pub mod y4m;
