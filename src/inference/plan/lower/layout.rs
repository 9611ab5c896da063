//! Operators that move no number: they change what the numbers of a tensor stand for.

use tract_onnx::pb::NodeProto;

use super::{
    super::{
        graph::{Order, Shape, View},
        onnx::{self, Constant},
    },
    Lowered, Lowering, Value,
};

impl<'m> Lowering<'m> {
    pub(super) fn pad(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let tensor = self.map(node, 0)?;
        let mode = onnx::word(node, "mode");
        let value = self.optional_floats(node, 2)?.unwrap_or_default();
        if !matches!(mode, b"" | b"constant") || value.iter().any(|value| *value != 0.0) {
            return Err("it does not pad with zeros");
        }
        let pads = self.constant(node, 1).and_then(Constant::integers);
        let Some(&[0, 0, 0, 0, 0, more, 0, 0]) = pads else {
            return Err("it pads more than the channels' end");
        };
        let more = usize::try_from(more).map_err(|_| "its pads are negative")?;
        let channels = self.shape(tensor).channels + more;
        self.values.insert(&node.output[0], Value::Padded { tensor, channels });
        Ok(())
    }

    pub(super) fn transpose(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let view = self.view(node, 0)?;
        let shape = self.shape(view.tensor);
        let Shape { height, width, channels } = shape;
        let perm = onnx::integers(node, "perm", &[]).ok_or("its axes are negative")?;
        let is_nhwc = view.order == Order::ChannelsLast || shape.has_one_order();
        let (order, dims) = match perm.as_slice() {
            [0, 2, 3, 1] if view.is_map(shape) => {
                (Order::ChannelsLast, vec![1, height, width, channels])
            }
            [0, 3, 1, 2] if is_nhwc && view.dims == [1, height, width, channels] => {
                (Order::ChannelsFirst, vec![1, channels, height, width])
            }
            _ => return Err("it does more than to change between NCHW and NHWC"),
        };
        let view = View { order, dims, ..view };
        self.values.insert(&node.output[0], Value::View(view));
        Ok(())
    }

    pub(super) fn reshape(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let view = self.view(node, 0)?;
        let dims = match node.op_type.as_str() {
            "Flatten" => {
                let axis = onnx::integer(node, "axis", 1);
                let axis = usize::try_from(axis).map_err(|_| "its axis is negative")?;
                if axis > view.dims.len() {
                    return Err("its axis lies beyond the shape");
                }
                let (before, after) = view.dims.split_at(axis);
                vec![before.iter().product(), after.iter().product()]
            }
            "Reshape" => {
                let wanted = self.constant(node, 1).and_then(Constant::integers);
                let wanted = wanted.ok_or("its shape is not constant")?;
                if onnx::integer(node, "allowzero", 0) != 0 {
                    return Err("it allows for zeros");
                }
                reshaped(&view.dims, wanted).ok_or("its shape does not fit")?
            }
            "Squeeze" => {
                // An operand since opset 13, an attribute before.
                let axes = match node.input.len() {
                    1 => Some(onnx::signed_integers(node, "axes")),
                    _ => self.constant(node, 1).and_then(Constant::integers),
                };
                let axes = axes.ok_or("its axes are not constant")?;
                squeezed(&view.dims, axes).ok_or("its axes are not of length 1")?
            }
            _ => view.dims.clone(),
        };
        self.values.insert(&node.output[0], Value::View(View { dims, ..view }));
        Ok(())
    }

    pub(super) fn concat(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let axis = onnx::integer(node, "axis", 0);
        let axis = usize::try_from(axis).map_err(|_| "its axis is negative")?;
        let parts: Vec<View> = (0..node.input.len())
            .map(|index| self.view(node, index))
            .collect::<Lowered<_>>()?;
        let follow = |view: &View| {
            view.dims.len() > axis && view.dims[..axis].iter().all(|dim| *dim == 1)
        };
        if !parts.iter().all(follow) {
            return Err("its parts do not follow one another in memory");
        }
        self.values.insert(&node.output[0], Value::Joined(parts));
        Ok(())
    }
}

/// ONNX's Reshape: 0 keeps a dimension, -1 takes what is left.
fn reshaped(dims: &[usize], wanted: &[i64]) -> Option<Vec<usize>> {
    let count: usize = dims.iter().product();
    let keep = |(index, wanted): (usize, &i64)| match wanted {
        0 => dims.get(index).copied(),
        -1 => Some(1),
        other => usize::try_from(*other).ok(),
    };
    let mut found: Vec<usize> = wanted.iter().enumerate().map(keep).collect::<Option<_>>()?;
    let known: usize = found.iter().product();
    if let Some(open) = wanted.iter().position(|wanted| *wanted == -1) {
        found[open] = count.checked_div(known)?;
    }
    (found.iter().product::<usize>() == count).then_some(found)
}

/// ONNX's Squeeze: without the axes, which are of length 1; no axes means all such.
fn squeezed(dims: &[usize], axes: &[i64]) -> Option<Vec<usize>> {
    let rank = i64::try_from(dims.len()).ok()?;
    let mut leaves: Vec<bool> = dims.iter().map(|dim| axes.is_empty() && *dim == 1).collect();
    for axis in axes {
        let axis = usize::try_from(if *axis < 0 { axis + rank } else { *axis }).ok()?;
        *leaves.get_mut(axis).filter(|_| dims[axis] == 1)? = true;
    }
    Some(dims.iter().zip(leaves).filter(|(_, leaves)| !leaves).map(|(dim, _)| *dim).collect())
}

#[cfg(test)]
mod tests {
    use super::squeezed;

    #[test]
    fn squeeze_takes_out_the_named_axes_of_length_1() {
        let dims = [1, 5, 1, 1];
        assert_eq!(squeezed(&dims, &[2, 3]), Some(vec![1, 5]));
        assert_eq!(squeezed(&dims, &[-1, 2]), Some(vec![1, 5]), "counted from the end, too");
        assert_eq!(squeezed(&dims, &[]), Some(vec![5]), "all of them");
        assert_eq!(squeezed(&dims, &[1]), None, "not of length 1");
        assert_eq!(squeezed(&dims, &[4]), None, "no such axis");
        assert_eq!(squeezed(&dims, &[-5]), None);
    }
}
