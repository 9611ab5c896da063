//! From an ONNX graph to a [`Graph`], operator by operator.
//!
//! [`follow`] takes what follows a convolution into its store; [`window`] and [`elementwise`] add
//! operators to the graph, [`layout`] adds none.

mod elementwise;
mod follow;
mod layout;
mod window;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use super::{
    graph::{Graph, Kernel, Op, Order, Output, Shape, Tensor, View, Window},
    onnx::{self, Constant},
    vector::LANES,
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

    // What a node adds.

    fn push(&mut self, kernel: Kernel, window: Window, input: usize, shape: Shape) -> &mut Op {
        let output = self.graph.tensor(shape, shape.channels.next_multiple_of(LANES));
        self.graph.ops.push(Op { kernel, window, input, residual: None, output });
        self.graph.ops.last_mut().expect("just pushed")
    }

    fn name(&mut self, name: &'m str, tensor: usize, dims: Vec<usize>) {
        let view = View { tensor, order: Order::ChannelsFirst, dims };
        self.values.insert(name, Value::View(view));
    }
}
