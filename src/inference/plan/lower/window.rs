//! Operators that read a window of their input: convolutions, matrix products and pools.

use tract_onnx::pb::NodeProto;

use super::{
    super::{
        graph::{Kernel, Order, Shape, Window},
        onnx::{self, Constant},
        pack::{ConvShape, DepthwiseWeights, Panels, to_vectors},
        vector::LANES,
    },
    Lowered, Lowering,
    follow::per_channel,
};

impl<'m> Lowering<'m> {
    pub(super) fn conv(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let input = self.map(node, 0)?;
        let shape = self.shape(input);
        let constant = self.constant(node, 1).ok_or("the weights are not constant")?;
        let &[outputs, channels, rows, columns] = constant.dims.as_slice() else {
            return Err("it is not two-dimensional");
        };
        let (window, [height, width]) = window(node, [rows, columns], shape)?;
        let group = onnx::integer(node, "group", 1);
        if usize::try_from(group) == Ok(shape.channels) && group > 1 {
            return self.depthwise(node, input, window, [height, width]);
        }
        if group != 1 || channels != shape.channels {
            return Err("its groups are neither one nor the channels");
        }
        let bias = self.optional_floats(node, 2)?;
        let out = Shape { height, width, channels: outputs };
        let tail = self.follow(&node.output[0], out, 4);
        let panels = self.dense(constant, sum(bias, &tail.bias), &tail.slopes, {
            let pixel = self.graph.tensors[input].pixel;
            let is_single = height * width == 1;
            ConvShape { outputs, kernel: [rows, columns], channels, pixel, is_single }
        })?;
        let op = self.push(Kernel::Conv(panels), window, input, out);
        op.residual = tail.residual;
        let tensor = op.output;
        self.name(tail.name, tensor, vec![1, outputs, height, width]);
        Ok(())
    }

    fn dense(
        &self,
        constant: &Constant,
        bias: Vec<f32>,
        slopes: &[f32],
        shape: ConvShape,
    ) -> Lowered<Panels> {
        let weights = constant.weights(0).ok_or("the weights are not floats")?;
        let ConvShape { channels, kernel: [rows, columns], outputs, .. } = shape;
        if bias.len() != outputs {
            return Err("the bias has not one value for each channel");
        }
        let mut panels =
            Panels::pack(shape, &weights, &bias, |output, [row, column, channel]| {
                ((output * channels + channel) * rows + row) * columns + column
            });
        panels.slopes = to_vectors(slopes, 1.0);
        Ok(panels)
    }

    /// With the 1x1 convolution that alone reads it, if there is one.
    fn depthwise(
        &mut self,
        node: &'m NodeProto,
        input: usize,
        window: Window,
        [height, width]: [usize; 2],
    ) -> Lowered<()> {
        let channels = self.shape(input).channels;
        let constant = self.constant(node, 1).ok_or("the weights are not constant")?;
        let known = matches!(window.kernel, [3, 3] | [5, 5])
            && matches!(window.strides, [1, 1] | [2, 2])
            && constant.dims[..2] == [channels, 1];
        if !known {
            return Err("a depthwise kernel is 3x3 or 5x5, of stride 1 or 2");
        }
        let weights = constant.floats().ok_or("the weights are not floats")?;
        let bias = self.optional_floats(node, 2)?;
        let depthwise = Shape { height, width, channels };
        let pointwise = self.pointwise_after(node, depthwise);
        let (name, outputs) = match pointwise {
            Some((index, next)) => {
                let outputs = self.constant(next, 1).map_or(0, |constant| constant.dims[0]);
                (self.fuse(index, next), outputs)
            }
            None => (node.output[0].as_str(), channels),
        };
        let out = Shape { height, width, channels: outputs };
        let tail = self.follow(name, out, 4);
        let (own_bias, panels) = match pointwise {
            Some((_, next)) => {
                let constant = self.constant(next, 1).ok_or("the weights are not constant")?;
                let pixel = channels.next_multiple_of(LANES);
                let is_single = height * width == 1;
                let kernel = [1, 1];
                let shape = ConvShape { outputs, kernel, channels, pixel, is_single };
                let next_bias = sum(self.optional_floats(next, 2)?, &tail.bias);
                let panels = self.dense(constant, next_bias, &tail.slopes, shape)?;
                (sum(bias, &vec![0.0; channels]), Some(panels))
            }
            None => (sum(bias, &tail.bias), None),
        };
        if own_bias.len() != channels {
            return Err("the bias has not one value for each channel");
        }
        let weights = DepthwiseWeights::pack(&weights, &own_bias);
        let slopes = to_vectors(&tail.slopes, 1.0);
        let kernel = Kernel::Depthwise { weights, pointwise: panels, slopes };
        let op = self.push(kernel, window, input, out);
        op.residual = tail.residual;
        let tensor = op.output;
        self.name(tail.name, tensor, vec![1, outputs, height, width]);
        Ok(())
    }

    /// The 1x1 convolution of stride 1 that is the only reader of a depthwise one.
    fn pointwise_after(
        &self,
        node: &NodeProto,
        shape: Shape,
    ) -> Option<(usize, &'m NodeProto)> {
        let (index, next) = self.only_reader(&node.output[0])?;
        let dims = &self.constant(next, 1)?.dims;
        let is_pointwise = next.op_type == "Conv"
            && matches!(*dims.as_slice(), [_, channels, 1, 1] if channels == shape.channels)
            && onnx::integer(next, "group", 1) == 1
            && window(next, [1, 1], shape).is_ok_and(|(window, _)| window == Window::PIXEL);
        is_pointwise.then_some((index, next))
    }

    /// A matrix product with constant weights: a convolution whose kernel is the whole map.
    pub(super) fn product(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let view = self.view(node, 0)?;
        let tensor = &self.graph.tensors[view.tensor];
        let (shape, pixel) = (tensor.shape, tensor.pixel);
        let inputs = shape.len();
        let constant = self.constant(node, 1).ok_or("the weights are not constant")?;
        let is_gemm = node.op_type == "Gemm";
        let is_transposed = is_gemm && onnx::integer(node, "transB", 0) != 0;
        let outputs = match *constant.dims.as_slice() {
            [outputs, depth] if is_transposed && depth == inputs => outputs,
            [depth, outputs] if !is_transposed && depth == inputs => outputs,
            _ => return Err("the weights are no matrix that fits"),
        };
        let is_plain = |name| (onnx::float(node, name, 1.0) - 1.0).abs() < f32::EPSILON;
        if view.dims != [1, inputs] || onnx::integer(node, "transA", 0) != 0 {
            return Err("the left operand is no row vector");
        }
        if is_gemm && !(is_plain("alpha") && is_plain("beta")) {
            return Err("it has a factor");
        }
        let bias = match self.constant(node, 2).filter(|_| is_gemm) {
            Some(bias) => Some(per_channel(bias, outputs, 2).ok_or("the bias does not fit")?),
            None if is_gemm && node.input.len() > 2 => return Err("the bias is not constant"),
            None => None,
        };
        let out = Shape { height: 1, width: 1, channels: outputs };
        let tail = self.follow(&node.output[0], out, 2);
        let Shape { height, width, channels } = shape;
        let conv =
            ConvShape { outputs, kernel: [height, width], channels, pixel, is_single: true };
        let axis = usize::from(!is_transposed);
        let weights = constant.weights(axis).ok_or("the weights are not floats")?;
        let index = |output, [row, column, channel]: [usize; 3]| {
            let input = match view.order {
                Order::ChannelsFirst => (channel * height + row) * width + column,
                Order::ChannelsLast => (row * width + column) * channels + channel,
            };
            if is_transposed { output * inputs + input } else { input * outputs + output }
        };
        let mut panels = Panels::pack(conv, &weights, &sum(bias, &tail.bias), index);
        panels.slopes = to_vectors(&tail.slopes, 1.0);
        let op = self.push(Kernel::Conv(panels), Window::whole(shape), view.tensor, out);
        op.residual = tail.residual;
        let tensor = op.output;
        self.name(tail.name, tensor, vec![1, outputs]);
        Ok(())
    }

    pub(super) fn pool(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let input = self.map(node, 0)?;
        let shape = self.shape(input);
        let (window, [height, width]) = if node.op_type == "GlobalAveragePool" {
            (Window::whole(shape), [1, 1])
        } else {
            let kernel = onnx::integers(node, "kernel_shape", &[]).unwrap_or_default();
            let [rows, columns] = *kernel.as_slice() else {
                return Err("it is not two-dimensional");
            };
            let pads = onnx::integers(node, "pads", &[]).ok_or("its pads are negative")?;
            let is_padded = pads.iter().any(|pad| *pad > 0);
            if is_padded && node.op_type != "MaxPool" {
                return Err("an average has no pads");
            }
            if onnx::integer(node, "ceil_mode", 0) != 0 {
                return Err("a pool has no ceil_mode");
            }
            window(node, [rows, columns], shape)?
        };
        if node.output.len() != 1 {
            return Err("it has a second output");
        }
        let kernel = match node.op_type.as_str() {
            "MaxPool" => Kernel::MaxPool,
            _ => {
                let [rows, columns] = window.kernel;
                #[expect(clippy::cast_precision_loss, reason = "a window has few pixels")]
                let factor = 1.0 / (rows * columns) as f32;
                Kernel::AveragePool { factor }
            }
        };
        let out = Shape { height, width, channels: shape.channels };
        let tensor = self.push(kernel, window, input, out).output;
        self.name(&node.output[0], tensor, vec![1, shape.channels, height, width]);
        Ok(())
    }
}

/// The window of a node and the rows and columns that come out.
fn window(node: &NodeProto, kernel: [usize; 2], shape: Shape) -> Lowered<(Window, [usize; 2])> {
    let list = |name, default: &[usize]| {
        onnx::integers(node, name, default).ok_or("a list of its attributes is negative")
    };
    let (strides, dilations) = (list("strides", &[1, 1])?, list("dilations", &[1, 1])?);
    let pads = match onnx::word(node, "auto_pad") {
        b"" | b"NOTSET" => list("pads", &[0; 4])?,
        b"VALID" => vec![0; 4],
        _ => return Err("it pads by auto_pad"),
    };
    let (Ok(strides), Ok(pads)) =
        (<[usize; 2]>::try_from(strides), <[usize; 4]>::try_from(pads))
    else {
        return Err("it is not two-dimensional");
    };
    if dilations != [1, 1] {
        return Err("it is dilated");
    }
    let size = [shape.height, shape.width];
    let mut out = [0; 2];
    for axis in 0..2 {
        let padded = size[axis] + pads[axis] + pads[axis + 2];
        let is_sound = strides[axis] > 0
            && (1..=padded).contains(&kernel[axis])
            && pads[axis].max(pads[axis + 2]) < kernel[axis];
        if !is_sound {
            return Err("its kernel, strides or pads do not fit the map");
        }
        out[axis] = (padded - kernel[axis]) / strides[axis] + 1;
    }
    Ok((Window { kernel, strides, pads: [pads[0], pads[1]] }, out))
}

/// The bias of a node, if it has one, and what is added after it.
fn sum(bias: Option<Vec<f32>>, more: &[f32]) -> Vec<f32> {
    match bias {
        Some(mut bias) => {
            bias.iter_mut().zip(more).for_each(|(bias, more)| *bias += more);
            bias
        }
        None => more.to_vec(),
    }
}
