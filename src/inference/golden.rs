//! The models of `models/` and some that tract must run, against ONNX Runtime's numbers of
//! `scripts/golden_models.py`.

use std::{fs, path::Path};

use super::{
    Layout, Model, Outputs, catalog::Catalog, picture_tensor::PictureTensor, spec::ModelSpec,
};

/// The script's inputs: from 0 to 1, without a pattern that a wrong place could repeat.
fn numbers(seed: usize, values: &mut [f32]) {
    for (index, value) in values.iter_mut().enumerate() {
        let index = u32::try_from(index + seed * 7919 + 1).expect("a small tensor");
        let bits = index.wrapping_mul(2_654_435_761) >> 8 & 0xFFFF;
        *value = f32::from(u16::try_from(bits).expect("16 bits")) / 65536.0;
    }
}

fn golden(file: &str) -> Option<Vec<f32>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kernels");
    let bytes = fs::read(path.join(format!("{file}.f32"))).ok()?;
    Some(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Compares the same sample of each output that the script takes.
fn check(file: &str, outputs: &Outputs, count: usize) {
    let golden = golden(file).expect("the caller looked");
    let mut rest = golden.as_slice();
    for index in 0..count {
        let values = outputs.values(index);
        let found: Vec<f32> =
            values.iter().copied().step_by(values.len().div_ceil(256)).collect();
        let (expected, more) = rest.split_at(found.len());
        let most = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (found - expected).abs();
            assert!(
                difference <= 1e-5 * most,
                "{file}, output {index}, sample {at}: {found}, ONNX Runtime {expected}"
            );
        }
        rest = more;
    }
    assert!(rest.is_empty(), "{file} has more outputs");
}

#[test]
fn the_shipped_models_give_onnxruntimes_numbers() {
    let catalog = Catalog::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
    let mut own = 0;
    for (name, entry) in catalog.entries() {
        let file = entry.file.to_str().expect("a plain name");
        if golden(file).is_none() {
            continue;
        }
        let model = catalog.load(name).unwrap();
        let mut workspace = model.workspace();
        let count = entry.outputs.len();
        for _ in 0..2 {
            let outputs = model.run_in(&mut workspace, numbers);
            check(file, outputs.unwrap(), count);
        }
        check(file, &model.run(numbers).unwrap(), count);
        own += usize::from(model.has_own_kernels());
    }
    assert!(own > 0, "no model runs on boothd's own kernels");
}

/// Row by row as pixels, on any engine, the same numbers come out.
#[test]
fn a_picture_may_come_row_by_row() {
    let catalog = Catalog::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
    for (name, entry) in catalog.entries() {
        let model = catalog.load(name).unwrap();
        let Some([height, width, channels]) = model.picture_shape() else { continue };
        let shape = entry.inputs.first().expect("the shipped models state their shapes");
        let layout = if shape[1] == height { Layout::Nhwc } else { Layout::Nchw };
        let layout = if shape[1] == channels { Layout::Nchw } else { layout };
        let picture = PictureTensor { layout, height, width, channels };
        let mut tensor = vec![0.0; height * width * channels];
        numbers(0, &mut tensor);
        let mut workspace = model.workspace();
        let found = model
            .run_picture(&mut workspace, |y, row| picture.read_row(&tensor, y, row))
            .unwrap();
        let expected = model.run(numbers).unwrap();
        let sorted = |values: &[f32]| {
            let mut values = values.to_vec();
            values.sort_by(f32::total_cmp);
            values
        };
        for index in 0..entry.outputs.len() {
            // A feature map has its channels last: the same values in another order.
            let (found, expected) = (found.values(index), expected.values(index));
            assert_eq!(sorted(found), sorted(expected), "{name}, output {index}");
        }
    }
}

#[test]
fn tract_runs_what_the_kernels_do_not_know() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kernels");
    for name in ["sigmoid", "dilated", "grouped"] {
        let file = format!("{name}.onnx");
        let bytes = fs::read(folder.join(&file)).unwrap();
        let spec = ModelSpec { name, inputs: &[vec![1, 4, 7, 5]], outputs: &[] };
        let model = Model::tract(spec, &super::contract::read(spec, &bytes).unwrap()).unwrap();
        assert!(!model.has_own_kernels(), "{name}");
        let mut workspace = model.workspace();
        let outputs = model.run_in(&mut workspace, numbers);
        check(&file, outputs.unwrap(), 1);
    }
}
