//! Reads how large a mesh is, and nothing else of it: the box around its vertices in millimetres, z up.
//!
//! 3DS (chunks of vertices, 1 unit is 1 mm) and glTF 2.0 as `.glb` or `.gltf` (the bounds that its accessors declare, 1 unit is 1 m,
//! y up) are known; MVR table 40. It deliberately knows no triangles, textures or animations. Whatever it cannot read has
//! no box. Limits: [`crate::Limits::member_bytes`] for the file, [`NODES`] nodes of a glTF.

use serde::Deserialize;

use crate::scene::Matrix;

#[cfg(test)]
mod tests;

/// A box along the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: [f64; 3],
    pub(crate) max: [f64; 3],
}

impl Bounds {
    pub(crate) fn around(points: impl IntoIterator<Item = [f64; 3]>) -> Option<Self> {
        let mut found: Option<Self> = None;
        for point in points.into_iter().filter(|point| point.iter().all(|number| number.is_finite())) {
            let bounds = found.get_or_insert(Self { min: point, max: point });
            for ((low, high), number) in bounds.min.iter_mut().zip(&mut bounds.max).zip(point) {
                *low = low.min(number);
                *high = high.max(number);
            }
        }
        found
    }

    pub(crate) fn corners(&self) -> [[f64; 3]; 8] {
        let [low_x, low_y, low_z] = self.min;
        let [high_x, high_y, high_z] = self.max;
        [
            [low_x, low_y, low_z],
            [high_x, low_y, low_z],
            [low_x, high_y, low_z],
            [high_x, high_y, low_z],
            [low_x, low_y, high_z],
            [high_x, low_y, high_z],
            [low_x, high_y, high_z],
            [high_x, high_y, high_z],
        ]
    }
}

/// The box around the mesh in this file.
pub(crate) fn bounds(name: &str, content: &[u8]) -> Option<Bounds> {
    let ending = name.rsplit_once('.').map_or("3ds", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "3ds" => Bounds::around(vertices_3ds(content)),
        "glb" => gltf_bounds(json_of_glb(content)?),
        "gltf" => gltf_bounds(content),
        _ => None,
    }
}

/// All vertices of a 3DS file. Chunks that contain chunks are entered, all others are stepped over, so no recursion is needed.
fn vertices_3ds(content: &[u8]) -> Vec<[f64; 3]> {
    let mut vertices = Vec::new();
    let mut rest = content;
    while let Some((header, body)) = rest.split_at_checked(6) {
        let number =
            |bytes: &[u8]| bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (id, length) =
            (number(header.get(..2).unwrap_or_default()), number(header.get(2..).unwrap_or_default()));
        let inside = length.saturating_sub(6).min(body.len());
        match id {
            0x4D4D | 0x3D3D | 0x4100 => rest = body,
            0x4000 => {
                let name = body.iter().position(|byte| *byte == 0).map_or(body.len(), |end| end + 1);
                rest = body.get(name..).unwrap_or_default();
            }
            0x4110 => {
                let (list, after) = body.split_at(inside);
                vertices.extend(list.get(2..).unwrap_or_default().chunks_exact(12).map(vertex));
                rest = after;
            }
            _ => rest = body.get(inside..).unwrap_or_default(),
        }
    }
    vertices
}

fn vertex(bytes: &[u8]) -> [f64; 3] {
    let mut vertex = [0.0; 3];
    for (slot, number) in vertex.iter_mut().zip(bytes.chunks_exact(4)) {
        *slot = number.try_into().map_or(0.0, |number| f64::from(f32::from_le_bytes(number)));
    }
    vertex
}

/// The JSON chunk of a binary glTF, which is the first one.
fn json_of_glb(content: &[u8]) -> Option<&[u8]> {
    let length = content.get(12..16)?.try_into().ok().map(u32::from_le_bytes)?;
    let is_glb = content.starts_with(b"glTF") && content.get(16..20)? == b"JSON";
    let end = 20_usize.checked_add(usize::try_from(length).ok()?)?;
    if is_glb { content.get(20..end) } else { None }
}

#[derive(Deserialize)]
struct Gltf {
    scene: Option<usize>,
    #[serde(default)]
    scenes: Vec<GltfScene>,
    #[serde(default)]
    nodes: Vec<GltfNode>,
    #[serde(default)]
    meshes: Vec<GltfMesh>,
    #[serde(default)]
    accessors: Vec<GltfAccessor>,
}

#[derive(Deserialize)]
struct GltfScene {
    #[serde(default)]
    nodes: Vec<usize>,
}

#[derive(Deserialize)]
struct GltfNode {
    mesh: Option<usize>,
    #[serde(default)]
    children: Vec<usize>,
    matrix: Option<[f64; 16]>,
    translation: Option<[f64; 3]>,
    rotation: Option<[f64; 4]>,
    scale: Option<[f64; 3]>,
}

#[derive(Deserialize)]
struct GltfMesh {
    #[serde(default)]
    primitives: Vec<GltfPrimitive>,
}

#[derive(Deserialize)]
struct GltfPrimitive {
    #[serde(default)]
    attributes: GltfAttributes,
}

#[derive(Deserialize, Default)]
struct GltfAttributes {
    #[serde(rename = "POSITION")]
    position: Option<usize>,
}

#[derive(Deserialize)]
struct GltfAccessor {
    #[serde(default)]
    min: Vec<f64>,
    #[serde(default)]
    max: Vec<f64>,
}

impl GltfNode {
    fn transform(&self) -> Matrix {
        if let Some([a, b, c, _, d, e, f, _, g, h, i, _, x, y, z, _]) = self.matrix {
            return Matrix { axes: [[a, b, c], [d, e, f], [g, h, i]], origin: [x, y, z] };
        }
        let [x, y, z, w] = self.rotation.unwrap_or([0.0, 0.0, 0.0, 1.0]);
        let axes = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)],
            [2.0 * (x * y - z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + x * w)],
            [2.0 * (x * z + y * w), 2.0 * (y * z - x * w), 1.0 - 2.0 * (x * x + y * y)],
        ];
        let mut scaled = axes;
        for (axis, factor) in scaled.iter_mut().zip(self.scale.unwrap_or([1.0; 3])) {
            *axis = axis.map(|number| number * factor);
        }
        Matrix { axes: scaled, origin: self.translation.unwrap_or_default() }
    }
}

fn gltf_bounds(json: &[u8]) -> Option<Bounds> {
    let gltf: Gltf = serde_json::from_slice(json).ok()?;
    let roots = gltf.scenes.get(gltf.scene.unwrap_or(0)).map(|scene| scene.nodes.clone());
    let roots = roots.unwrap_or_else(|| (0..gltf.nodes.len()).collect());
    let mut open: Vec<(usize, Matrix)> = roots.into_iter().map(|node| (node, Matrix::IDENTITY)).collect();
    let mut corners: Vec<[f64; 3]> = Vec::new();
    let mut visited = 0;
    while let Some((index, parent)) = open.pop() {
        visited += 1;
        // Nodes that contain themselves end here as well.
        if visited > NODES {
            return None;
        }
        let Some(node) = gltf.nodes.get(index) else { continue };
        let place = node.transform().within(&parent);
        let primitives =
            node.mesh.and_then(|mesh| gltf.meshes.get(mesh)).map_or(&[][..], |mesh| &mesh.primitives);
        for accessor in
            primitives.iter().filter_map(|primitive| gltf.accessors.get(primitive.attributes.position?))
        {
            if let ([a, b, c], [x, y, z]) = (accessor.min.as_slice(), accessor.max.as_slice()) {
                let bounds = Bounds { min: [*a, *b, *c], max: [*x, *y, *z] };
                corners.extend(bounds.corners().map(|corner| place.apply(corner)));
            }
        }
        if open.len() + node.children.len() > NODES || corners.len() > 8 * NODES {
            return None;
        }
        open.extend(node.children.iter().map(|child| (*child, place)));
    }
    // req: MVR-GLTF-AXES
    Bounds::around(corners.into_iter().map(|[x, y, z]| [x * 1e3, -z * 1e3, y * 1e3]))
}

/// Nodes of one glTF that are looked at.
const NODES: usize = 16_384;
