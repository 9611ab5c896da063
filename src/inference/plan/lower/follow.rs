//! What follows a convolution (bias, residual, activation) and goes into its store.

use tract_onnx::pb::NodeProto;

use super::{
    super::{
        graph::Shape,
        onnx::{self, Constant},
    },
    Lowering, Value,
};

/// What follows a convolution and is computed with it.
pub(super) struct Tail<'m> {
    pub(super) bias: Vec<f32>,
    pub(super) residual: Option<usize>,
    pub(super) slopes: Vec<f32>,
    /// The name of what comes out.
    pub(super) name: &'m str,
}

impl<'m> Lowering<'m> {
    /// The only reader of `name`, unless `name` is an output too.
    pub(super) fn only_reader(&self, name: &str) -> Option<(usize, &'m NodeProto)> {
        match self.readers.get(name).map(Vec::as_slice) {
            Some([index]) => self.onnx.node.get(*index).map(|node| (*index, node)),
            _ => None,
        }
    }

    /// Takes into one operator what follows the value `name` of `shape` and rank `rank`.
    pub(super) fn follow(&mut self, name: &'m str, shape: Shape, rank: usize) -> Tail<'m> {
        let channels = shape.channels;
        let mut tail = Tail {
            bias: vec![0.0; channels],
            residual: None,
            slopes: vec![1.0; channels],
            name,
        };
        if let Some((index, node, other)) = self.only_add(tail.name)
            && let Some(bias) = self.constants.get(other)
            && let Some(bias) = per_channel(bias, channels, rank)
        {
            tail.bias = bias;
            tail.name = self.fuse(index, node);
        }
        if let Some((index, node, other)) = self.only_add(tail.name)
            && let Some(residual) = self.residual(other, shape, rank)
        {
            tail.residual = Some(residual);
            tail.name = self.fuse(index, node);
        }
        if let Some((index, node)) = self.only_reader(tail.name)
            && let Some(slopes) = self.slopes(node, channels, rank)
        {
            tail.slopes = slopes;
            tail.name = self.fuse(index, node);
        }
        tail
    }

    pub(super) fn fuse(&mut self, index: usize, node: &'m NodeProto) -> &'m str {
        self.fused.insert(index);
        &node.output[0]
    }

    /// The Add that is the only reader of `name`, and its other operand.
    fn only_add(&self, name: &str) -> Option<(usize, &'m NodeProto, &'m str)> {
        let (index, node) = self.only_reader(name)?;
        match (node.op_type.as_str(), node.input.as_slice()) {
            ("Add", [a, b]) => Some((index, node, if a == name { b } else { a })),
            _ => None,
        }
    }

    /// The tensor that adds to a map of `shape`, or to a vector where `rank` is 2.
    pub(super) fn residual(&self, name: &str, shape: Shape, rank: usize) -> Option<usize> {
        let (tensor, channels) = match self.values.get(name)? {
            Value::Padded { tensor, channels } if rank == 4 => (*tensor, *channels),
            Value::View(view) if rank == 4 && view.is_map(self.shape(view.tensor)) => {
                (view.tensor, self.shape(view.tensor).channels)
            }
            Value::View(view) if rank == 2 && view.dims == [1, shape.channels] => {
                (view.tensor, self.shape(view.tensor).channels)
            }
            _ => return None,
        };
        (Shape { channels, ..self.shape(tensor) } == shape).then_some(tensor)
    }

    /// The slopes of an activation; `None` where the node is none that is known.
    pub(super) fn slopes(
        &self,
        node: &NodeProto,
        channels: usize,
        rank: usize,
    ) -> Option<Vec<f32>> {
        match node.op_type.as_str() {
            "Relu" => Some(vec![0.0; channels]),
            "LeakyRelu" => Some(vec![onnx::float(node, "alpha", 0.01); channels]),
            "PRelu" => per_channel(self.constant(node, 1)?, channels, rank),
            _ => None,
        }
    }
}

/// A constant that has one value, or one for each channel, as a rank of 4 or 2 broadcasts it.
pub(super) fn per_channel(
    constant: &Constant,
    channels: usize,
    rank: usize,
) -> Option<Vec<f32>> {
    let floats = constant.floats()?;
    let trailing = rank.checked_sub(2)?;
    if let [one] = *floats {
        return (constant.dims.len() <= rank).then(|| vec![one; channels]);
    }
    let (before, after) =
        constant.dims.split_at_checked(constant.dims.len().checked_sub(trailing)?)?;
    let fits = constant.dims.len() <= rank
        && after.iter().all(|dim| *dim == 1)
        && before
            .split_last()
            .is_some_and(|(last, rest)| *last == channels && rest.iter().all(|dim| *dim == 1));
    fits.then(|| floats.into_owned())
}
