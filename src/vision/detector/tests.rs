use super::*;

fn face(x: f32, score: f32) -> Detection {
    let bbox = Rect { x, y: 0.0, width: 10.0, height: 10.0 };
    Detection { score, bbox, eyes: [Point { x, y: 3.0 }, Point { x: x + 9.0, y: 3.0 }] }
}

#[test]
fn there_are_896_anchors_and_they_begin_in_the_first_cells() {
    let anchors: Vec<Point> = anchors().collect();
    assert_eq!(anchors.len(), 896);
    assert_eq!(anchors[1], Point { x: 0.5 / 16.0, y: 0.5 / 16.0 });
    assert_eq!(anchors[2], Point { x: 1.5 / 16.0, y: 0.5 / 16.0 });
    assert_eq!(anchors[512], Point { x: 0.5 / 8.0, y: 0.5 / 8.0 });
    assert_eq!(anchors[895], Point { x: 7.5 / 8.0, y: 7.5 / 8.0 });
}

#[test]
fn overlapping_detections_become_their_weighted_mean() {
    let mut kept = vec![face(0.0, 0.6), face(100.0, 0.7), face(1.0, 0.9)];
    suppress(&mut kept);
    assert_eq!(kept.len(), 2);
    assert!((kept[0].bbox.x - 0.6).abs() < 1e-5 && (kept[0].score - 0.9).abs() < 1e-6);
    assert_eq!(kept[1], face(100.0, 0.7));
}

#[test]
fn a_degenerate_box_ends_the_loop_too() {
    let mut flat = face(0.0, 0.9);
    flat.bbox.width = 0.0;
    let mut kept = vec![flat, flat];
    suppress(&mut kept);
    assert_eq!(kept.len(), 1);
}

#[test]
fn a_quarter_clockwise_brings_the_left_edge_to_the_top() {
    assert_eq!(turned([127, 0], 1), 0, "the lower left corner becomes the upper left");
    assert_eq!(turned([0, 0], 1), 127);
    assert_eq!(turned([0, 0], 2), 128 * 128 - 1);
    assert_eq!(turned([0, 127], 3), 0, "the upper right becomes the upper left");
    for quarters in 1..4 {
        let mut hits: Vec<usize> =
            (0..128 * 128).map(|at| turned([at / 128, at % 128], quarters)).collect();
        let input: Vec<f32> = (0..128 * 128 * 3).map(|at| to_f32(at / 3)).collect();
        let mut row = [0.0; 128 * 3];
        fill_row(&input, quarters, 7, &mut row);
        for (column, pixel) in row.chunks_exact(3).enumerate() {
            assert_eq!(hits[to_index(pixel[0])], 7 * 128 + column, "the turn undone");
        }
        hits.sort_unstable();
        assert_eq!(hits, (0..128 * 128).collect::<Vec<_>>());
    }
}

#[test]
fn the_letterbox_of_any_shape_is_undone() {
    for (width_px, height_px) in [(640, 480), (480, 640), (1, 1), (4096, 3), (100, 128)] {
        let rgb = vec![255; (width_px * height_px * 3) as usize];
        let picture = Picture { width_px, height_px, rgb };
        let letterbox = Letterbox::new(&picture);
        let mut tensor = vec![0.0; INPUT_PX * INPUT_PX * 3];
        letterbox.fill(&picture, &mut vec![], &mut tensor);
        let white = tensor.iter().filter(|v| (**v - 1.0).abs() < 1e-5).count();
        assert_eq!(white, letterbox.width * letterbox.height * 3);
        let mut whole = face(0.0, 1.0);
        let (left, top) = (to_f32(letterbox.left), to_f32(letterbox.top));
        whole.bbox = Rect { x: left / 128.0, y: top / 128.0, width: 1.0, height: 1.0 };
        let bbox = letterbox.to_picture(whole).bbox;
        assert!(bbox.x.abs() < 1e-3 && bbox.y.abs() < 1e-3, "{bbox:?}");
        assert!((bbox.width - to_f32(width_px.max(height_px) as usize)).abs() < 1e-2);
    }
}
