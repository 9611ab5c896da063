//! [`PictureTensor`]: a picture in a tensor, read and written row by row as pixels.

use tract_onnx::pb::{
    GraphProto, ValueInfoProto, tensor_shape_proto::dimension::Value as Dim,
    type_proto::Value as Type,
};

use super::{Layout, plan, spec::ModelSpec};

/// A picture or feature map of batch 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PictureTensor {
    pub(super) layout: Layout,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

/// Which of a model's inputs and outputs are pictures.
#[derive(Clone, Debug, Default)]
pub(super) struct PictureTensors {
    pub(super) inputs: Vec<Option<PictureTensor>>,
    pub(super) outputs: Vec<Option<PictureTensor>>,
}

impl PictureTensors {
    /// ONNX's convolutions are NCHW: a tensor is NHWC where the file transposes it.
    pub(super) fn of(graph: &GraphProto, spec: ModelSpec<'_>) -> Self {
        let inputs = inputs(graph).zip(spec.inputs).map(|(input, dims)| {
            PictureTensor::of(dims, plan::is_nhwc_input(graph, &input.name))
        });
        let is_wanted = |output: &&ValueInfoProto| {
            spec.outputs.is_empty() || spec.outputs.contains(&output.name)
        };
        let mut outputs: Vec<&ValueInfoProto> = graph.output.iter().filter(is_wanted).collect();
        outputs.sort_by_key(|output| spec.outputs.iter().position(|name| *name == output.name));
        let outputs = outputs.into_iter().map(|output| {
            PictureTensor::of(&dims(output)?, plan::is_nhwc_output(graph, &output.name))
        });
        PictureTensors { inputs: inputs.collect(), outputs: outputs.collect() }
    }
}

/// The inputs of a graph that are no constants.
fn inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    graph.input.iter().filter(move |input| !is_constant(&input.name))
}

/// The dimensions that the file states for each input; `None` where one is not fixed.
pub(super) fn input_dims(graph: &GraphProto) -> impl Iterator<Item = Vec<Option<usize>>> {
    inputs(graph).map_while(file_dims)
}

/// The shape that the file states for an output, where all of it is fixed.
fn dims(output: &ValueInfoProto) -> Option<Vec<usize>> {
    file_dims(output)?.into_iter().collect()
}

fn file_dims(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let Type::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    let dim = |value: &Option<Dim>| match value {
        Some(Dim::DimValue(value)) => usize::try_from(*value).ok().filter(|dim| *dim > 0),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(|d| dim(&d.value)).collect())
}

impl PictureTensor {
    fn of(dims: &[usize], is_nhwc: bool) -> Option<Self> {
        match *dims {
            [1, height, width, channels] if is_nhwc => {
                Some(PictureTensor { layout: Layout::Nhwc, height, width, channels })
            }
            [1, channels, height, width] => {
                Some(PictureTensor { layout: Layout::Nchw, height, width, channels })
            }
            _ => None,
        }
    }

    /// Values of a row.
    pub(super) fn row_len(&self) -> usize {
        self.width * self.channels
    }

    /// Copies the pixels of row `y` out of a tensor.
    pub(super) fn read_row(&self, tensor: &[f32], y: usize, row: &mut [f32]) {
        let PictureTensor { height, width, channels, .. } = *self;
        if self.layout == Layout::Nhwc {
            return row.copy_from_slice(&tensor[y * row.len()..][..row.len()]);
        }
        for (channel, plane) in tensor.chunks_exact(height * width).enumerate() {
            let pixels = row[channel..].iter_mut().step_by(channels);
            pixels.zip(&plane[y * width..]).for_each(|(to, from)| *to = *from);
        }
    }

    /// Copies the pixels of row `y` into a tensor.
    pub(super) fn write_row(&self, row: &[f32], y: usize, tensor: &mut [f32]) {
        let PictureTensor { height, width, channels, .. } = *self;
        if self.layout == Layout::Nhwc {
            return tensor[y * row.len()..][..row.len()].copy_from_slice(row);
        }
        for (channel, plane) in tensor.chunks_exact_mut(height * width).enumerate() {
            let pixels = row[channel..].iter().step_by(channels);
            plane[y * width..].iter_mut().zip(pixels).for_each(|(to, from)| *to = *from);
        }
    }

    /// The whole tensor with its channels last.
    pub(super) fn to_pixels(self, tensor: &[f32]) -> Vec<f32> {
        let mut pixels = vec![0.0; tensor.len()];
        for (y, row) in pixels.chunks_exact_mut(self.row_len().max(1)).enumerate() {
            self.read_row(tensor, y, row);
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_planes_are_pixels() {
        let tensor = PictureTensor { layout: Layout::Nchw, height: 2, width: 3, channels: 2 };
        let planes: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let pixels = tensor.to_pixels(&planes);
        assert_eq!(pixels, [0., 6., 1., 7., 2., 8., 3., 9., 4., 10., 5., 11.]);
        let mut back = vec![0.0; 12];
        pixels.chunks(6).enumerate().for_each(|(y, row)| tensor.write_row(row, y, &mut back));
        assert_eq!(back, planes);
    }
}
