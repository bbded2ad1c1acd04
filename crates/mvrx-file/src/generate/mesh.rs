//! Makes a box as a binary glTF (`.glb`), the smallest mesh that every importer shows.

use std::fmt::Write as _;

/// A box of the given size in metres, centred on the origin; axes as in an MVR: x right, y back, z up.
pub(crate) fn box_glb(size: [f32; 3]) -> Vec<u8> {
    // glTF is Y-up: (x, y, z) of the scene is (x, z, -y) of the mesh.
    let half = [size[0] / 2.0, size[2] / 2.0, size[1] / 2.0];
    let mut binary = Vec::with_capacity(168);
    for corner in 0..8_u8 {
        for (axis, extent) in half.iter().enumerate() {
            let value = if corner >> axis & 1 == 1 { *extent } else { -*extent };
            binary.extend_from_slice(&value.to_le_bytes());
        }
    }
    for index in TRIANGLES {
        binary.extend_from_slice(&u16::from(index).to_le_bytes());
    }
    let mut json = String::with_capacity(640);
    let [x, y, z] = half;
    let _ = write!(
        json,
        r#"{{"asset":{{"version":"2.0"}},"scene":0,"scenes":[{{"nodes":[0]}}],"nodes":[{{"mesh":0}}],"meshes":[{{"primitives":[{{"attributes":{{"POSITION":0}},"indices":1}}]}}],"accessors":[{{"bufferView":0,"componentType":5126,"count":8,"type":"VEC3","min":[{:?},{:?},{:?}],"max":[{x:?},{y:?},{z:?}]}},{{"bufferView":1,"componentType":5123,"count":36,"type":"SCALAR"}}],"bufferViews":[{{"buffer":0,"byteLength":96}},{{"buffer":0,"byteOffset":96,"byteLength":72}}],"buffers":[{{"byteLength":168}}]}}"#,
        -x, -y, -z
    );
    while !json.len().is_multiple_of(4) {
        json.push(' ');
    }
    let mut glb = Vec::with_capacity(28 + json.len() + binary.len());
    glb.extend_from_slice(b"glTF");
    glb.extend_from_slice(&2_u32.to_le_bytes());
    push_length(&mut glb, 28 + json.len() + binary.len());
    push_length(&mut glb, json.len());
    glb.extend_from_slice(b"JSON");
    glb.extend_from_slice(json.as_bytes());
    push_length(&mut glb, binary.len());
    glb.extend_from_slice(b"BIN\0");
    glb.extend_from_slice(&binary);
    glb
}

fn push_length(to: &mut Vec<u8>, length: usize) {
    to.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

const TRIANGLES: [u8; 36] = [
    0, 2, 1, 1, 2, 3, 4, 5, 6, 5, 7, 6, 0, 1, 4, 1, 5, 4, 2, 6, 3, 3, 6, 7, 0, 4, 2, 2, 4, 6, 1, 3, 5, 3, 7,
    5,
];
