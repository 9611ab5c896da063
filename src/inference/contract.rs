//! What a model file must keep to: the shapes of its description.

use tract_onnx::pb::ModelProto;

use super::{picture_tensor, spec::ModelSpec, tract};
use crate::error::{Error, ErrorKind, Result};

/// Reads a model file, and refuses one whose inputs have other shapes than its description states.
///
/// # Errors
/// `Config` in both cases.
pub(super) fn read(spec: ModelSpec<'_>, bytes: &[u8]) -> Result<ModelProto> {
    let proto = tract::read(bytes).map_err(|why| refused(spec.name, why))?;
    check_inputs(&proto, spec)?;
    Ok(proto)
}

fn check_inputs(proto: &ModelProto, spec: ModelSpec<'_>) -> Result<()> {
    let graph = proto.graph.iter();
    let inputs = graph.flat_map(picture_tensor::input_dims);
    for (index, (dims, described)) in inputs.zip(spec.inputs).enumerate() {
        let is_same = dims.len() == described.len()
            && dims
                .iter()
                .zip(described)
                .all(|(dim, wanted)| dim.is_none_or(|dim| dim == *wanted));
        if !is_same {
            let name = spec.name;
            let dim = |dim: &Option<usize>| dim.map_or("?".into(), |dim| dim.to_string());
            let dims = dims.iter().map(dim).collect::<Vec<_>>().join("x");
            let described: Vec<_> = described.iter().map(ToString::to_string).collect();
            let what = format!(
                "model {name}: input {index} of the file is {dims}, its description states {}; \
                 correct size_px, layout or colour (or inputs), or put the right file in its place",
                described.join("x")
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
    }
    Ok(())
}

/// A model file that its runtime cannot load.
pub(super) fn refused(name: &str, why: String) -> Error {
    let what = format!("model {name} cannot be run; put a supported ONNX file in its place");
    Error::new(ErrorKind::Config, what).because(why)
}
