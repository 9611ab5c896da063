//! From an ONNX graph to a [`Graph`], operator by operator. What follows a convolution (bias,
//! residual, activation) goes into its store.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use super::{
    graph::{Graph, Kernel, LANES, Op, Order, Output, Shape, Tensor, View, Window},
    onnx::{self, Constant},
    pack::{ConvShape, DepthwiseWeights, Panels, to_vectors},
};

/// Why a graph cannot be lowered: an operator, or a form of it, that no kernel computes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct Unsupported {
    pub(in super::super) operator: String,
    pub(in super::super) why: &'static str,
}

/// Why one node cannot.
type Lowered<T> = Result<T, &'static str>;

/// What a name of the ONNX graph stands for.
#[derive(Clone, Debug)]
enum Value {
    View(View),
    /// A map and further channels of zeros.
    Padded {
        tensor: usize,
        channels: usize,
    },
    /// Parts that follow one another; only an output can be that.
    Joined(Vec<View>),
}

struct Lowering<'m> {
    onnx: &'m GraphProto,
    constants: &'m HashMap<&'m str, Constant>,
    /// Who reads a name; [`OUTPUT`] where it is an output.
    readers: HashMap<&'m str, Vec<usize>>,
    values: HashMap<&'m str, Value>,
    /// Nodes that are part of an operator already.
    fused: HashSet<usize>,
    graph: Graph,
}

const OUTPUT: usize = usize::MAX;

/// What follows a convolution and is computed with it.
struct Tail<'m> {
    bias: Vec<f32>,
    residual: Option<usize>,
    slopes: Vec<f32>,
    /// The name of what comes out.
    name: &'m str,
}

/// Lowers what the wanted outputs need; `inputs` are the shapes of the inputs.
pub(super) fn lower(
    graph: &GraphProto,
    inputs: &[Vec<usize>],
    outputs: &[String],
) -> Result<Graph, Unsupported> {
    let constants = onnx::constants(graph);
    let outputs: Vec<&str> = match outputs {
        [] => graph.output.iter().map(|output| output.name.as_str()).collect(),
        wanted => wanted.iter().map(String::as_str).collect(),
    };
    let unsupported = |operator: &str, why| Unsupported { operator: operator.into(), why };
    let (needed, readers) = needed(graph, &constants, &outputs);
    let is_foreign = |node: &&NodeProto| !matches!(node.domain.as_str(), "" | "ai.onnx");
    if let Some(node) = needed.iter().map(|index| &graph.node[*index]).find(is_foreign) {
        return Err(unsupported(&node.op_type, "its domain is not ONNX's"));
    }
    let mut lowering = Lowering {
        onnx: graph,
        constants: &constants,
        readers,
        values: HashMap::new(),
        fused: HashSet::new(),
        graph: Graph::default(),
    };
    let names: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    let names: Vec<&str> =
        names.into_iter().filter(|name| !constants.contains_key(name)).collect();
    if names.len() != inputs.len() {
        return Err(unsupported("input", "the number of inputs differs"));
    }
    for (index, (name, dims)) in names.into_iter().zip(inputs).enumerate() {
        lowering.input(index, name, dims).map_err(|why| unsupported("input", why))?;
    }
    for index in needed {
        if !lowering.fused.contains(&index) {
            let node = &graph.node[index];
            lowering.node(node).map_err(|why| unsupported(&node.op_type, why))?;
        }
    }
    for name in outputs {
        let output = match lowering.values.get(name) {
            Some(Value::View(view)) => Output(vec![view.clone()]),
            Some(Value::Joined(parts)) => Output(parts.clone()),
            _ => return Err(unsupported("output", "no feature map or vector")),
        };
        lowering.graph.outputs.push(output);
    }
    lowering.graph.set_halos();
    Ok(lowering.graph)
}

/// The nodes that the outputs need, in the file's order, and who of them reads a name.
fn needed<'m>(
    graph: &'m GraphProto,
    constants: &HashMap<&str, Constant>,
    outputs: &[&'m str],
) -> (Vec<usize>, HashMap<&'m str, Vec<usize>>) {
    let mut readers: HashMap<&str, Vec<usize>> =
        outputs.iter().map(|name| (*name, vec![OUTPUT])).collect();
    let mut needed = vec![];
    for (index, node) in graph.node.iter().enumerate().rev() {
        let is_needed = |name: &String| {
            readers.contains_key(name.as_str()) && !constants.contains_key(name.as_str())
        };
        if node.output.iter().any(is_needed) {
            needed.push(index);
            for name in node.input.iter().filter(|name| !name.is_empty()) {
                readers.entry(name).or_default().push(index);
            }
        }
    }
    needed.reverse();
    (needed, readers)
}

impl Graph {
    fn tensor(&mut self, shape: Shape, pixel: usize) -> usize {
        self.tensors.push(Tensor { shape, pixel, halo: [0; 2] });
        self.tensors.len() - 1
    }

    /// Gives each tensor the halo that its readers need.
    fn set_halos(&mut self) {
        for op in &self.ops {
            let out = self.tensors[op.output].shape.width;
            let input = &mut self.tensors[op.input];
            let halo = op.window.halo(input.shape.width, out);
            input.halo = [0, 1].map(|side| input.halo[side].max(halo[side]));
        }
    }
}

impl<'m> Lowering<'m> {
    fn input(&mut self, index: usize, name: &'m str, dims: &[usize]) -> Lowered<()> {
        let readers: Vec<&NodeProto> = self.nodes_reading(name);
        let is_nhwc = onnx::is_nhwc_input(self.onnx, name);
        let (order, shape) = match *dims {
            [1, height, width, channels] if is_nhwc => {
                (Order::ChannelsLast, Shape { height, width, channels })
            }
            [1, channels, height, width] => {
                (Order::ChannelsFirst, Shape { height, width, channels })
            }
            [1, channels] => (Order::ChannelsLast, Shape { height: 1, width: 1, channels }),
            _ => return Err("an input is neither a picture nor a vector, of batch 1"),
        };
        if shape.len() == 0 {
            return Err("an input is empty");
        }
        let readers = match is_nhwc {
            true => {
                readers.iter().flat_map(|node| self.nodes_reading(&node.output[0])).collect()
            }
            false => readers,
        };
        let is_dense =
            |node: &&NodeProto| node.op_type == "Conv" && onnx::integer(node, "group", 1) == 1;
        let pixel = match !readers.is_empty() && readers.iter().all(is_dense) {
            true => shape.channels,
            false => shape.channels.next_multiple_of(LANES),
        };
        let tensor = self.graph.tensor(shape, pixel);
        let kernel = Kernel::Input(index);
        let op =
            Op { kernel, window: Window::PIXEL, input: tensor, residual: None, output: tensor };
        self.graph.ops.push(op);
        let view = View { tensor, order, dims: dims.to_vec() };
        self.values.insert(name, Value::View(view));
        Ok(())
    }

    fn nodes_reading(&self, name: &str) -> Vec<&'m NodeProto> {
        let readers = self.readers.get(name).map_or(&[][..], Vec::as_slice);
        readers.iter().filter_map(|index| self.onnx.node.get(*index)).collect()
    }

    fn node(&mut self, node: &'m NodeProto) -> Lowered<()> {
        match node.op_type.as_str() {
            "Conv" => self.conv(node),
            "Gemm" | "MatMul" => self.product(node),
            "MaxPool" | "AveragePool" | "GlobalAveragePool" => self.pool(node),
            "Add" => self.add(node),
            "Relu" | "LeakyRelu" | "PRelu" => self.activation(node),
            "Softmax" => self.softmax(node),
            "Pad" => self.pad(node),
            "Transpose" => self.transpose(node),
            "Reshape" | "Flatten" | "Squeeze" | "Identity" => self.reshape(node),
            "Concat" => self.concat(node),
            _ => Err("no kernel computes this operator"),
        }
    }

    // What a node reads.

    fn view(&self, node: &NodeProto, index: usize) -> Lowered<View> {
        match node.input.get(index).and_then(|name| self.values.get(name.as_str())) {
            Some(Value::View(view)) => Ok(view.clone()),
            _ => Err("an operand is padded, joined or constant"),
        }
    }

    fn shape(&self, tensor: usize) -> Shape {
        self.graph.tensors[tensor].shape
    }

    /// The tensor of an operand that is a feature map.
    fn map(&self, node: &NodeProto, index: usize) -> Lowered<usize> {
        let view = self.view(node, index)?;
        match view.is_map(self.shape(view.tensor)) {
            true => Ok(view.tensor),
            false => Err("an operand is not a feature map"),
        }
    }

    fn constant(&self, node: &NodeProto, index: usize) -> Option<&'m Constant> {
        self.constants.get(node.input.get(index)?.as_str())
    }

    /// An optional operand: `Ok(None)` where it is absent.
    fn optional_floats(&self, node: &NodeProto, index: usize) -> Lowered<Option<Vec<f32>>> {
        if node.input.get(index).is_none_or(String::is_empty) {
            return Ok(None);
        }
        let constant = self.constant(node, index).and_then(Constant::floats);
        constant.map(|floats| Some(floats.into_owned())).ok_or("an operand is not constant")
    }

    // What follows a node.

    /// The only reader of `name`, unless `name` is an output too.
    fn only_reader(&self, name: &str) -> Option<(usize, &'m NodeProto)> {
        match self.readers.get(name).map(Vec::as_slice) {
            Some([index]) => self.onnx.node.get(*index).map(|node| (*index, node)),
            _ => None,
        }
    }

    /// Takes into one operator what follows the value `name` of `shape` and rank `rank`.
    fn follow(&mut self, name: &'m str, shape: Shape, rank: usize) -> Tail<'m> {
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

    fn fuse(&mut self, index: usize, node: &'m NodeProto) -> &'m str {
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
    fn residual(&self, name: &str, shape: Shape, rank: usize) -> Option<usize> {
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
    fn slopes(&self, node: &NodeProto, channels: usize, rank: usize) -> Option<Vec<f32>> {
        match node.op_type.as_str() {
            "Relu" => Some(vec![0.0; channels]),
            "LeakyRelu" => Some(vec![onnx::float(node, "alpha", 0.01); channels]),
            "PRelu" => per_channel(self.constant(node, 1)?, channels, rank),
            _ => None,
        }
    }

    // The operators.

    fn push(&mut self, kernel: Kernel, window: Window, input: usize, shape: Shape) -> &mut Op {
        let output = self.graph.tensor(shape, shape.channels.next_multiple_of(LANES));
        self.graph.ops.push(Op { kernel, window, input, residual: None, output });
        self.graph.ops.last_mut().expect("just pushed")
    }

    fn name(&mut self, name: &'m str, tensor: usize, dims: Vec<usize>) {
        let view = View { tensor, order: Order::ChannelsFirst, dims };
        self.values.insert(name, Value::View(view));
    }

    fn conv(&mut self, node: &'m NodeProto) -> Lowered<()> {
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
    fn product(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    fn pool(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    fn add(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let operands = [self.view(node, 0), self.view(node, 1)];
        let rank = operands.iter().flatten().map(|view| view.dims.len()).next().unwrap_or(0);
        for (index, view) in operands.into_iter().enumerate() {
            let Ok(view) = view else { continue };
            let shape = self.shape(view.tensor);
            let Some(residual) = self.residual(&node.input[1 - index], shape, rank) else {
                continue;
            };
            if rank == 4 && !view.is_map(shape) || rank == 2 && view.dims != [1, shape.channels]
            {
                continue;
            }
            let mut slopes = vec![1.0; shape.channels];
            let mut name = node.output[0].as_str();
            if let Some((reader, next)) = self.only_reader(name)
                && let Some(found) = self.slopes(next, shape.channels, rank)
            {
                slopes = found;
                name = self.fuse(reader, next);
            }
            let kernel = Kernel::Elementwise { slopes: to_vectors(&slopes, 1.0) };
            let op = self.push(kernel, Window::PIXEL, view.tensor, shape);
            op.residual = Some(residual);
            let tensor = op.output;
            self.name(name, tensor, view.dims);
            return Ok(());
        }
        Err("its operands are not of one shape")
    }

    fn activation(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let view = self.view(node, 0)?;
        let shape = self.shape(view.tensor);
        let is_per_channel = view.is_map(shape) || view.dims == [1, shape.channels];
        if !is_per_channel && node.op_type == "PRelu" {
            return Err("its slopes are not one for each channel");
        }
        let slopes = self.slopes(node, shape.channels, view.dims.len());
        let slopes = slopes.ok_or("its slopes are not one for each channel")?;
        let kernel = Kernel::Elementwise { slopes: to_vectors(&slopes, 1.0) };
        let tensor = self.push(kernel, Window::PIXEL, view.tensor, shape).output;
        self.values.insert(&node.output[0], Value::View(View { tensor, ..view }));
        Ok(())
    }

    fn softmax(&mut self, node: &'m NodeProto) -> Lowered<()> {
        let view = self.view(node, 0)?;
        let shape = self.shape(view.tensor);
        let is_last = matches!(onnx::integer(node, "axis", -1), 1 | -1);
        if view.dims != [1, shape.channels] || !is_last {
            return Err("it is not over one vector");
        }
        let tensor = self
            .push(
                Kernel::Softmax { channels: shape.channels },
                Window::PIXEL,
                view.tensor,
                shape,
            )
            .output;
        self.name(&node.output[0], tensor, view.dims);
        Ok(())
    }

    // What moves no number.

    fn pad(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    fn transpose(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    fn reshape(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    fn concat(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

/// A constant that has one value, or one for each channel, as a rank of 4 or 2 broadcasts it.
fn per_channel(constant: &Constant, channels: usize, rank: usize) -> Option<Vec<f32>> {
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
