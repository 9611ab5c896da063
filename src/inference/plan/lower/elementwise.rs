//! Operators without a window: sums, activations and Softmax.

use tract_onnx::pb::NodeProto;

use super::{
    super::{
        graph::{Kernel, View, Window},
        onnx,
        pack::to_vectors,
    },
    Lowered, Lowering, Value,
};

impl<'m> Lowering<'m> {
    pub(super) fn add(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    pub(super) fn activation(&mut self, node: &'m NodeProto) -> Lowered<()> {
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

    pub(super) fn softmax(&mut self, node: &'m NodeProto) -> Lowered<()> {
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
}
