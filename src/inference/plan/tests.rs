//! Random networks of the known patterns, with tract as the reference.

use std::{collections::HashSet, mem};

use tract_onnx::{
    pb::{
        AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
        TypeProto, ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType,
        type_proto,
    },
    prelude::*,
};

use super::*;

/// Numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed + 99_991);
        // The first ones are alike for seeds that are.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// From -1 to 1.
    fn float(&mut self) -> f32 {
        f32::from(u16::try_from(self.next() % 2001).expect("small")) / 1000.0 - 1.0
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }
}

/// A graph in the making. Maps are a name and [channels, height, width].
struct Net {
    random: Random,
    graph: GraphProto,
    /// All maps so far.
    maps: Vec<Map>,
    outputs: Vec<String>,
}

#[derive(Clone, Debug)]
struct Map {
    name: String,
    shape: [usize; 3],
}

fn integers(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|v| i64::try_from(*v).expect("small")).collect(),
        ..Default::default()
    }
}

fn integer(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i,
        ..Default::default()
    }
}

impl Net {
    fn new(seed: u64, input: &[usize]) -> Net {
        let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: None };
        let kind = TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        };
        let given =
            ValueInfoProto { name: "input".into(), r#type: Some(kind), ..Default::default() };
        let graph = GraphProto { input: vec![given], ..Default::default() };
        let random = Random::new(seed * 2 + 1);
        let mut net = Net { random, graph, maps: vec![], outputs: vec![] };
        if let [1, channels, height, width] = *input {
            net.maps.push(Map { name: "input".into(), shape: [channels, height, width] });
        }
        net
    }

    fn constant(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        let name = format!("const_{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|dim| i64::try_from(*dim).expect("small")).collect(),
            data_type: DataType::Float as i32,
            float_data: values,
            ..Default::default()
        });
        name
    }

    fn int64s(&mut self, values: &[i64]) -> String {
        let name = format!("const_{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![i64::try_from(values.len()).expect("small")],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }

    fn node(&mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = format!("{op}_{}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            op_type: op.into(),
            name: output.clone(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.clone()],
            attribute,
            ..Default::default()
        });
        output
    }

    /// Weights as floats, or as int8 with a scale for each index of `axis`.
    fn weights(&mut self, dims: &[usize], axis: usize) -> String {
        let count: usize = dims.iter().product();
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let size = (2.0 * dims[axis] as f32 / count as f32).sqrt();
        if self.random.below(2) == 0 {
            let values = self.random.floats(count).iter().map(|value| value * size).collect();
            return self.constant(dims, values);
        }
        let scales: Vec<f32> =
            (0..dims[axis]).map(|_| (1.5 + self.random.float()) * size / 127.0).collect();
        let steps: Vec<u8> = (0..count)
            .map(|_| (u8::try_from(self.random.below(255)).expect("a byte")).wrapping_sub(127))
            .collect();
        let (scale, zero) = (self.constant(&[scales.len()], scales.clone()), "zero".to_owned());
        let quantized = self.constant(dims, vec![]);
        let last = self.graph.initializer.last_mut().expect("just pushed");
        (last.data_type, last.raw_data) = (DataType::Int8 as i32, steps);
        let zero = format!("{zero}_{quantized}");
        self.graph.initializer.push(TensorProto {
            name: zero.clone(),
            dims: vec![i64::try_from(scales.len()).expect("small")],
            data_type: DataType::Int8 as i32,
            raw_data: vec![0; scales.len()],
            ..Default::default()
        });
        let axis = integer("axis", i64::try_from(axis).expect("small"));
        self.node("DequantizeLinear", &[&quantized, &scale, &zero], vec![axis])
    }

    fn push(&mut self, name: String, shape: [usize; 3]) -> Map {
        let map = Map { name, shape };
        self.maps.push(map.clone());
        if self.random.below(8) == 0 {
            self.outputs.push(map.name.clone());
        }
        map
    }

    fn conv(
        &mut self,
        from: &Map,
        outputs: usize,
        group: usize,
        kernel: [usize; 2],
    ) -> Option<Map> {
        let [channels, height, width] = from.shape;
        let stride = self.random.of(&[1, 1, 2]);
        let pads: Vec<usize> = (0..4).map(|i| self.random.below(kernel[i % 2])).collect();
        let size = |axis: usize| {
            let padded = [height, width][axis] + pads[axis] + pads[axis + 2];
            Some(padded.checked_sub(kernel[axis])? / stride + 1)
        };
        let shape = [outputs, size(0)?, size(1)?];
        let weights = self.weights(&[outputs, channels / group, kernel[0], kernel[1]], 0);
        let mut inputs = vec![from.name.clone(), weights];
        if self.random.below(4) > 0 {
            let bias = self.random.floats(outputs);
            inputs.push(self.constant(&[outputs], bias));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let name = self.node(
            "Conv",
            &inputs,
            vec![
                integers("kernel_shape", &kernel),
                integers("strides", &[stride; 2]),
                integers("pads", &pads),
                integer("group", i64::try_from(group).expect("small")),
            ],
        );
        Some(self.push(name, shape))
    }

    fn activation(&mut self, from: &Map) -> Map {
        let channels = from.shape[0];
        let name = match self.random.below(4) {
            0 => {
                let slopes = self.random.floats(channels);
                let slopes = self.constant(&[channels, 1, 1], slopes);
                self.node("PRelu", &[&from.name, &slopes], vec![])
            }
            1 => {
                let alpha = AttributeProto {
                    name: "alpha".into(),
                    r#type: AttributeType::Float as i32,
                    f: 0.3,
                    ..Default::default()
                };
                self.node("LeakyRelu", &[&from.name], vec![alpha])
            }
            2 => self.node("Relu", &[&from.name], vec![]),
            _ => return from.clone(),
        };
        self.push(name, from.shape)
    }

    /// Adds an earlier map, its channels padded with zeros where it has fewer.
    fn residual(&mut self, to: &Map) -> Map {
        let [channels, height, width] = to.shape;
        let fits = |map: &&Map| {
            map.shape[1..] == [height, width] && map.shape[0] <= channels && map.name != to.name
        };
        let candidates: Vec<Map> = self.maps.iter().filter(fits).cloned().collect();
        if candidates.is_empty() {
            return to.clone();
        }
        let mut other = candidates[self.random.below(candidates.len())].clone();
        if other.shape[0] < channels {
            let more = i64::try_from(channels - other.shape[0]).expect("small");
            let pads = self.int64s(&[0, 0, 0, 0, 0, more, 0, 0]);
            other.name = self.node("Pad", &[&other.name, &pads], vec![]);
        }
        let swapped = self.random.below(2) == 0;
        let (a, b) = if swapped { (&other.name, &to.name) } else { (&to.name, &other.name) };
        let name = self.node("Add", &[a, b], vec![]);
        self.push(name, to.shape)
    }

    fn pool(&mut self, from: &Map) -> Option<Map> {
        let [channels, height, width] = from.shape;
        let (kernel, stride) = self.random.of(&[(2, 2), (3, 3), (3, 2), (2, 1)]);
        let op = self.random.of(&["MaxPool", "AveragePool"]);
        let pads = match op {
            "MaxPool" => std::array::from_fn(|_| self.random.below(kernel)),
            _ => [0; 4],
        };
        let size = |axis: usize| {
            let padded = [height, width][axis] + pads[axis] + pads[axis + 2];
            Some(padded.checked_sub(kernel)? / stride + 1)
        };
        let shape = [channels, size(0)?, size(1)?];
        let attributes = vec![
            integers("kernel_shape", &[kernel; 2]),
            integers("strides", &[stride; 2]),
            integers("pads", &pads),
        ];
        let name = self.node(op, &[&from.name], attributes);
        Some(self.push(name, shape))
    }

    /// One pattern after the last map; `None` where it does not fit.
    fn grow(&mut self) -> Option<()> {
        let last = self.maps.last().expect("there is the input").clone();
        let channels = last.shape[0];
        let outputs = 1 + self.random.below(36);
        let map = match self.random.below(8) {
            0 => self.pool(&last)?,
            1 => self.activation(&last),
            2 => self.residual(&last),
            3 | 4 => {
                let kernel = [1 + self.random.below(5), 1 + self.random.below(5)];
                let sum = self.conv(&last, outputs, 1, kernel)?;
                let sum = self.residual(&sum);
                self.activation(&sum)
            }
            5 if channels > 1 => {
                let kernel = self.random.of(&[3, 5]);
                let sum = self.conv(&last, channels, channels, [kernel; 2])?;
                self.activation(&sum)
            }
            _ if channels > 1 => {
                let kernel = self.random.of(&[3, 5]);
                let depthwise = self.conv(&last, channels, channels, [kernel; 2])?;
                let outputs = channels + self.random.of(&[0, 0, 3, 8]);
                let sum = self.conv(&depthwise, outputs, 1, [1, 1])?;
                let sum = self.residual(&sum);
                self.activation(&sum)
            }
            _ => self.conv(&last, outputs, 1, [3, 3])?,
        };
        drop(map);
        Some(())
    }

    /// A classifier, or the joined rows of two maps, at the end.
    fn finish(&mut self) {
        let last = self.maps.last().expect("there is the input").clone();
        let [channels, height, width] = last.shape;
        match self.random.below(4) {
            0 => self.outputs.push(last.name),
            1 => {
                let nhwc = self.node(
                    "Transpose",
                    &[&last.name],
                    vec![integers("perm", &[0, 2, 3, 1])],
                );
                let shape = self.int64s(&[1, -1, i64::try_from(channels).expect("small")]);
                let rows = self.node("Reshape", &[&nhwc, &shape], vec![]);
                let joined = self.node("Concat", &[&rows, &rows], vec![integer("axis", 1)]);
                self.outputs.push(joined);
            }
            form => {
                let pooled = self.random.below(2) == 0;
                let (name, inputs) = if pooled {
                    (self.node("GlobalAveragePool", &[&last.name], vec![]), channels)
                } else {
                    (last.name, channels * height * width)
                };
                let flat = if pooled && self.random.below(2) == 0 {
                    let axes = self.int64s(&[2, 3]);
                    self.node("Squeeze", &[&name, &axes], vec![])
                } else {
                    self.node("Flatten", &[&name], vec![])
                };
                let outputs = 1 + self.random.below(90);
                let product = if form == 2 {
                    let weights = self.weights(&[outputs, inputs], 0);
                    let bias = self.random.floats(outputs);
                    let bias = self.constant(&[outputs], bias);
                    self.node("Gemm", &[&flat, &weights, &bias], vec![integer("transB", 1)])
                } else {
                    let weights = self.weights(&[inputs, outputs], 1);
                    self.node("MatMul", &[&flat, &weights], vec![])
                };
                let softmax = self.node("Softmax", &[&product], vec![integer("axis", 1)]);
                self.outputs.extend([product, softmax]);
            }
        }
        self.outputs.sort();
        self.outputs.dedup();
    }
}

fn reference(net: &Net, shape: &[usize], input: &[f32]) -> Vec<Vec<f32>> {
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { version: 13, ..Default::default() }],
        graph: Some(net.graph.clone()),
        ..Default::default()
    };
    let run = || -> TractResult<Vec<Vec<f32>>> {
        let model = tract_onnx::onnx().model_for_proto_model(&model)?;
        let mut model = model.with_outputs_by_name(&net.outputs)?;
        model.set_input_fact(0, f32::fact(shape).into())?;
        let model = model.into_typed()?.into_decluttered()?.into_runnable()?;
        let outputs = model.run(tvec!(Tensor::from_shape(shape, input)?.into_tvalue()))?;
        let values = |v: &TValue| Ok(v.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        outputs.iter().map(values).collect()
    };
    run().unwrap_or_else(|cause| panic!("tract runs {:?}: {cause:#}", net.graph.node))
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, value| most.max(value.abs()))
}

/// All outputs of a plan: as this machine runs it, and in every form, which any machine can compute.
fn outputs(plan: &Plan, fill: FillRow<'_>) -> [Vec<Vec<f32>>; 4] {
    let read = |workspace: &Workspace| {
        (0..plan.outputs())
            .map(|index| {
                let mut values = vec![f32::NAN; plan.output_len(index)];
                plan.read(workspace, index, false, &mut values);
                values
            })
            .collect()
    };
    let mut workspace = plan.workspace();
    plan.run(&mut workspace, fill);
    let first = read(&workspace);
    // What the run before left must not matter.
    plan.steps::<false, false>(&mut workspace, fill);
    let unfused = read(&workspace);
    plan.steps::<true, false>(&mut workspace, fill);
    let fused = read(&workspace);
    plan.steps::<true, true>(&mut workspace, fill);
    [first, unfused, fused, read(&workspace)]
}

/// Makes the network of a seed and compares it; returns it.
fn compare(seed: u64) -> Plan {
    let mut choice = Random::new(seed * 2);
    let channels = choice.of(&[1, 2, 3, 5, 8, 12, 16, 32]);
    let shape = [1, channels, 1 + choice.below(20), 1 + choice.below(20)];
    let mut net = Net::new(seed, &shape);
    for _ in 0..1 + choice.below(7) {
        // What does not fit is left out; what it had wired already has no reader.
        let _ = net.grow();
    }
    net.finish();
    let plan = Plan::new(&net.graph, &[shape.to_vec()], &net.outputs)
        .unwrap_or_else(|found| panic!("seed {seed}: {found:?} of {:?}", net.graph.node));
    let [_, channels, height, width] = shape;
    let input = choice.floats(channels * height * width);
    let mut fill = |_: usize, y: usize, row: &mut [f32]| {
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = input[(channel * height + y) * width + x];
            }
        }
    };
    let expected = reference(&net, &shape, &input);
    for found in outputs(&plan, &mut fill) {
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.len(), expected.len(), "seed {seed}, output {index}");
            let difference: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
            assert!(
                largest(&difference) <= 2e-5 * largest(expected).max(1.0)
                    && found.iter().all(|value| value.is_finite()),
                "seed {seed}, output {index} of {:?}: {difference:?}",
                net.graph.node
            );
        }
    }
    plan
}

#[test]
fn random_networks_give_tracts_numbers() {
    let plans: Vec<Plan> = (0..300).map(compare).collect();
    let ops = || plans.iter().flat_map(|plan| &plan.graph.ops);
    let kernels: HashSet<_> = ops().map(|op| mem::discriminant(&op.kernel)).collect();
    assert_eq!(kernels.len(), 7, "each kernel was tried");
    let has_residual =
        |op: &&graph::Op| op.residual.is_some() && matches!(op.kernel, Kernel::Conv(_));
    assert!(ops().filter(has_residual).count() > 20, "and what is fused into them");
}

#[test]
fn an_unknown_operator_or_form_is_named() {
    let unsupported = |change: &dyn Fn(&mut GraphProto)| {
        let mut net = Net::new(5, &[1, 4, 9, 9]);
        let weights = net.constant(&[4, 4, 3, 3], vec![0.1; 144]);
        let conv =
            net.node("Conv", &["input", &weights], vec![integers("kernel_shape", &[3, 3])]);
        net.node("Relu", &[&conv], vec![]);
        change(&mut net.graph);
        let name = net.graph.node.last().expect("two nodes").output[0].clone();
        Plan::new(&net.graph, &[vec![1, 4, 9, 9]], &[name]).map(|_| ()).map_err(|e| e.operator)
    };
    assert_eq!(unsupported(&|_| ()), Ok(()));
    let with = |attribute: AttributeProto| {
        move |graph: &mut GraphProto| graph.node[0].attribute.push(attribute.clone())
    };
    assert_eq!(unsupported(&|graph| graph.node[1].op_type = "Tanh".into()), Err("Tanh".into()));
    assert_eq!(unsupported(&|graph| graph.node[1].domain = "x".into()), Err("Relu".into()));
    assert_eq!(unsupported(&with(integers("dilations", &[2, 2]))), Err("Conv".into()));
    assert_eq!(unsupported(&with(integer("group", 2))), Err("Conv".into()));
    let mut negative = integers("pads", &[0; 4]);
    negative.ints[0] = -1;
    assert_eq!(unsupported(&with(negative)), Err("Conv".into()));
    assert_eq!(unsupported(&with(integers("pads", &[3; 4]))), Err("Conv".into()));
    assert_eq!(unsupported(&with(integers("kernel_shape", &[10, 10]))), Ok(()), "dims count");
}

#[test]
fn ring_buffers_are_shorter_than_the_maps() {
    let mut net = Net::new(7, &[1, 3, 64, 64]);
    let mut name = "input".to_owned();
    for channels in [3, 16] {
        let weights = net.constant(&[16, channels, 3, 3], vec![0.01; 144 * channels]);
        let pads = integers("pads", &[1; 4]);
        name = net.node("Conv", &[&name, &weights], vec![pads]);
    }
    let plan = Plan::new(&net.graph, &[vec![1, 3, 64, 64]], &[name]).expect("it is known");
    assert_eq!(plan.schedule.capacities, [3, 3, 64]);
}
