//! The parts of an ONNX file that a lowering reads: constants and attributes.

use std::{borrow::Cow, collections::HashMap};

use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, tensor_proto::DataType,
};

use super::pack::Weights;

/// A constant of the graph.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) dims: Vec<usize>,
    pub(super) values: Values,
}

#[derive(Clone, Debug)]
pub(super) enum Values {
    Float(Vec<f32>),
    Int64(Vec<i64>),
    Int8(Vec<i8>),
    /// Behind a DequantizeLinear: symmetric, one scale for each index of the axis.
    Quantized {
        values: Vec<i8>,
        scales: Vec<f32>,
        axis: usize,
    },
}

impl Constant {
    /// `None` for types that no known operator reads, and for data outside of the file.
    fn of(tensor: &TensorProto) -> Option<Constant> {
        let dims: Vec<usize> =
            tensor.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<_>>()?;
        let raw = &tensor.raw_data;
        let values = match DataType::try_from(tensor.data_type).ok()? {
            DataType::Float if raw.is_empty() => Values::Float(tensor.float_data.clone()),
            DataType::Float => Values::Float(
                raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            ),
            DataType::Int64 if raw.is_empty() => Values::Int64(tensor.int64_data.clone()),
            DataType::Int64 => Values::Int64(
                raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
            ),
            DataType::Int8 if raw.is_empty() => {
                let narrow = tensor.int32_data.iter().map(|value| i8::try_from(*value).ok());
                Values::Int8(narrow.collect::<Option<_>>()?)
            }
            DataType::Int8 => Values::Int8(raw.iter().map(|byte| byte.cast_signed()).collect()),
            _ => return None,
        };
        let constant = Constant { dims, values };
        (constant.len() == constant.dims.iter().product::<usize>()).then_some(constant)
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Float(values) => values.len(),
            Values::Int64(values) => values.len(),
            Values::Int8(values) | Values::Quantized { values, .. } => values.len(),
        }
    }

    /// Its numbers, where they are floats.
    pub(super) fn floats(&self) -> Option<Cow<'_, [f32]>> {
        match &self.values {
            Values::Float(values) => Some(values.into()),
            Values::Quantized { values, scales, axis } => {
                let inner: usize = self.dims[axis + 1..].iter().product();
                let scale = |index: usize| scales[index / inner % scales.len()];
                let floats = values.iter().enumerate().map(|(i, v)| f32::from(*v) * scale(i));
                Some(floats.collect::<Vec<_>>().into())
            }
            _ => None,
        }
    }

    pub(super) fn integers(&self) -> Option<&[i64]> {
        match &self.values {
            Values::Int64(values) => Some(values),
            _ => None,
        }
    }

    /// Weights whose outputs run along `axis`: int8 where they are in the file.
    pub(super) fn weights(&self, outputs: usize) -> Option<Weights<'_>> {
        match &self.values {
            Values::Quantized { values, scales, axis } if *axis == outputs => {
                Some(Weights::Int8 { values, scales })
            }
            _ => self.floats().map(Weights::Float),
        }
    }

    /// What DequantizeLinear makes of it, where the zero point is zero.
    fn dequantize(&self, scale: &Constant, zero: Option<&Constant>, axis: i64) -> Option<Self> {
        let (Values::Int8(values), Values::Float(scales)) = (&self.values, &scale.values)
        else {
            return None;
        };
        let is_symmetric = match zero.map(|zero| &zero.values) {
            None => true,
            Some(Values::Int8(zero)) => zero.iter().all(|zero| *zero == 0),
            Some(_) => false,
        };
        let axis = if axis < 0 { axis + i64::try_from(self.dims.len()).ok()? } else { axis };
        let axis = usize::try_from(axis).ok().filter(|axis| *axis < self.dims.len())?;
        let scales = match scales.as_slice() {
            [one] => vec![*one; self.dims[axis]],
            each => each.to_vec(),
        };
        (is_symmetric && scales.len() == self.dims[axis]).then(|| Constant {
            dims: self.dims.clone(),
            values: Values::Quantized { values: values.clone(), scales, axis },
        })
    }
}

/// All constants by name; those that a DequantizeLinear or a Constant node gives, too.
pub(super) fn constants(graph: &GraphProto) -> HashMap<&str, Constant> {
    let mut found = HashMap::new();
    for tensor in &graph.initializer {
        if let Some(constant) = Constant::of(tensor) {
            found.insert(tensor.name.as_str(), constant);
        }
    }
    for node in &graph.node {
        let input =
            |index: usize| node.input.get(index).and_then(|name| found.get(name.as_str()));
        let constant = match node.op_type.as_str() {
            "Constant" => attribute(node, "value").and_then(|a| Constant::of(a.t.as_ref()?)),
            "DequantizeLinear" => match (input(0), input(1)) {
                (Some(values), Some(scale)) => {
                    let axis = attribute(node, "axis").map_or(1, |axis| axis.i);
                    let has_zero = node.input.get(2).is_some_and(|name| !name.is_empty());
                    if has_zero && input(2).is_none() {
                        None
                    } else {
                        values.dequantize(scale, input(2), axis)
                    }
                }
                _ => None,
            },
            _ => None,
        };
        if let (Some(constant), Some(output)) = (constant, node.output.first()) {
            found.insert(output, constant);
        }
    }
    found
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An integer attribute, or its default.
pub(super) fn integer(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |attribute| attribute.i)
}

/// A float attribute, or its default.
pub(super) fn float(node: &NodeProto, name: &str, default: f32) -> f32 {
    attribute(node, name).map_or(default, |attribute| attribute.f)
}

/// A word; empty where it is not stated.
pub(super) fn word<'a>(node: &'a NodeProto, name: &str) -> &'a [u8] {
    attribute(node, name).map_or(&[], |attribute| &attribute.s)
}

/// A list of integers, or its default; `None` where one is negative.
pub(super) fn integers(node: &NodeProto, name: &str, default: &[usize]) -> Option<Vec<usize>> {
    let Some(list) = attribute(node, name) else { return Some(default.to_vec()) };
    list.ints.iter().map(|value| usize::try_from(*value).ok()).collect()
}

/// A list of integers of either sign; empty where it is not stated.
pub(super) fn signed_integers<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    attribute(node, name).map_or(&[], |attribute| &attribute.ints)
}

/// Whether every reader of an input turns it from NHWC to NCHW first.
pub(in super::super) fn is_nhwc_input(graph: &GraphProto, name: &str) -> bool {
    let mut readers = graph
        .node
        .iter()
        .filter(|node| node.input.iter().any(|input| input == name))
        .peekable();
    readers.peek().is_some() && readers.all(|node| is_transpose(node, &[0, 3, 1, 2]))
}

/// Whether an output is made by turning NCHW to NHWC.
pub(in super::super) fn is_nhwc_output(graph: &GraphProto, name: &str) -> bool {
    let mut makers = graph.node.iter().filter(|node| node.output.iter().any(|out| out == name));
    makers.any(|node| is_transpose(node, &[0, 2, 3, 1]))
}

fn is_transpose(node: &NodeProto, perm: &[usize]) -> bool {
    node.op_type == "Transpose"
        && integers(node, "perm", &[]).is_some_and(|found| found == perm)
}
