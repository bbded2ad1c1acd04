use super::*;

fn chunk(id: u16, inside: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &u32::try_from(inside.len() + 6).unwrap().to_le_bytes(), inside].concat()
}

fn mesh_3ds(vertices: &[[f32; 3]], faces: &[[u16; 3]]) -> Vec<u8> {
    let mut list = u16::try_from(vertices.len()).unwrap().to_le_bytes().to_vec();
    list.extend(vertices.iter().flatten().flat_map(|number| number.to_le_bytes()));
    let mut triangles = u16::try_from(faces.len()).unwrap().to_le_bytes().to_vec();
    triangles.extend(faces.iter().flat_map(|[a, b, c]| [*a, *b, *c, 0]).flat_map(u16::to_le_bytes));
    let mesh = chunk(0x4100, &[chunk(0x4110, &list), chunk(0x4120, &triangles)].concat());
    let object = chunk(0x4000, &[b"name\0".to_vec(), mesh].concat());
    chunk(0x4D4D, &[chunk(0x0002, &[3, 0, 0, 0]), chunk(0x3D3D, &object)].concat())
}

fn extent(name: &str, content: &[u8]) -> Option<Extent> {
    super::extent(name, content, &mut EDGES.clone())
}

#[test]
fn box_of_a_3ds_is_around_its_vertices() {
    let content = mesh_3ds(&[[1.0, 2.0, 3.0], [-1.0, 5.0, 0.5], [0.0, 0.0, 9.0]], &[[0, 1, 2]]);
    let extent = extent("A.3DS", &content).unwrap();
    assert_eq!(extent.whole, Bounds { min: [-1.0, 0.0, 0.5], max: [1.0, 5.0, 9.0] });
}

/// Points along a curve, as a ribbon of faces.
fn ribbon(curve: impl Fn(f32) -> [f32; 2]) -> Vec<u8> {
    let vertices: Vec<[f32; 3]> = (0..=40_u8)
        .flat_map(|step| {
            let [x, y] = curve(f32::from(step) / 40.0);
            [[x, y, 0.0], [x, y, 100.0]]
        })
        .collect();
    let faces: Vec<[u16; 3]> = (0..80).map(|at| [at, at + 1, at + 2]).collect();
    mesh_3ds(&vertices, &faces)
}

#[test]
fn boxes_follow_a_bent_mesh_but_a_straight_one_has_one() {
    let bent = extent("a.3ds", &ribbon(|t| [10_000.0 * t, 8_000.0 * t * t])).unwrap();
    assert_eq!(bent.slices.len(), SLICES);
    let widest = bent.slices.iter().map(|slice| slice.max[1] - slice.min[1]).fold(0.0, f64::max);
    assert!(widest < 1_200.0, "{widest}");
    assert!(
        bent.slices
            .iter()
            .all(|slice| slice.min[1] >= bent.whole.min[1] && slice.max[1] <= bent.whole.max[1])
    );
    assert_eq!(extent("a.3ds", &ribbon(|t| [10_000.0 * t, 0.0])).unwrap().slices, []);
}

// proves: MVR-GLTF-AXES
#[test]
fn gltf_is_turned_upright_and_scaled_to_millimetres() {
    let glb = crate::generate::test_box([12.0, 0.3, 0.5]);
    let whole = extent("truss.glb", &glb).unwrap().whole;
    for (found, expected) in whole.max.iter().zip([6000.0, 150.0, 250.0]) {
        assert!((found - expected).abs() < 1e-2, "{whole:?}");
    }
    let json = r#"{"nodes":[{"mesh":0,"translation":[1,2,3],"scale":[2,2,2]}],"meshes":[{"primitives":[{"attributes":{"POSITION":0}}]}],
        "accessors":[{"min":[0,0,0],"max":[1,1,1]}]}"#;
    let whole = extent("a.gltf", json.as_bytes()).unwrap().whole;
    assert_eq!((whole.min, whole.max), ([1000.0, -5000.0, 2000.0], [3000.0, -3000.0, 4000.0]));
}

#[test]
fn meshes_that_contain_themselves_or_are_damaged_have_no_box() {
    let cycle = r#"{"scenes":[{"nodes":[0]}],"nodes":[{"children":[0,0]}]}"#;
    assert_eq!(extent("a.gltf", cycle.as_bytes()), None);
    assert_eq!(extent("a.gltf", "[".repeat(100_000).as_bytes()), None);
    let good = mesh_3ds(&[[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], &[[0, 1, 60_000]]);
    for length in 0..good.len() {
        let _ = extent("a.3ds", &good[..length]);
        let mut damaged = good.clone();
        damaged[length] ^= 0xFF;
        let _ = extent("a.3ds", &damaged);
    }
    let glb = crate::generate::test_box([1.0; 3]);
    for length in 0..glb.len() {
        let _ = extent("a.glb", &glb[..length]);
    }
}

#[test]
fn a_mesh_is_not_cut_into_slices_when_no_edges_are_left_for_it() {
    let mut left = 100;
    let bent = ribbon(|t| [10_000.0 * t, 8_000.0 * t * t]);
    let whole = super::extent("a.3ds", &bent, &mut left).unwrap();
    assert_eq!((whole.slices.len(), left), (0, 100));
}

// proves: MVR-LIMIT-MESH
#[test]
fn lists_of_a_gltf_are_limited_and_texts_in_it_are_not() {
    let list = |name: &str, item: &str, count: usize| {
        format!(
            r#"{{"accessors":[{{"min":[0,0,0],"max":[1,2,3]}}],"meshes":[{{"primitives":[{{"attributes":{{"POSITION":0}}}}]}}],"{name}":[{}{{"mesh":0}}]}}"#,
            item.repeat(count)
        )
    };
    assert!(extent("a.gltf", list("nodes", "{},", NODES - 1).as_bytes()).is_some());
    assert_eq!(extent("a.gltf", list("nodes", "{},", NODES).as_bytes()), None);
    let children = list("nodes", &format!(r#"{{"children":[{}0]}},"#, "0,".repeat(VALUES / 10)), 11);
    assert_eq!(extent("a.gltf", children.as_bytes()), None);
    let text = format!(r#"{{"buffers":["{},\\","\"{}"],"#, ",".repeat(VALUES), ",".repeat(VALUES));
    assert!(extent("a.gltf", list("nodes", "", 0).replacen('{', &text, 1).as_bytes()).is_some());
}
