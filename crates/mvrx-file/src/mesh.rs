//! Reads how large a mesh is, and nothing else of it: boxes around its vertices in millimetres, z up.
//!
//! One box, or, for a long bent thing such as a piece of a truss circle, a row of boxes that follow it.
//! 3DS (chunks of vertices, 1 unit is 1 mm) and glTF 2.0 as `.glb` or `.gltf` (the bounds that its accessors declare, 1 unit is 1 m,
//! y up) are known; MVR table 40. It deliberately knows no triangles, textures or animations. Whatever it cannot read has
//! no box. Limits: [`crate::Limits::member_bytes`] for the file, 16,384 nodes and a million values of a glTF.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

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

/// How large a mesh is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extent {
    /// The box around all of it.
    pub(crate) whole: Bounds,
    /// Boxes that follow a bent shape; empty when one box says enough.
    pub(crate) slices: Vec<Bounds>,
}

/// The extent of the mesh in this file.
///
/// Cutting bent shapes into slices takes their edges off `edges_left`; where those run out, one box has to do.
pub(crate) fn extent(name: &str, content: &[u8], edges_left: &mut usize) -> Option<Extent> {
    let ending = name.rsplit_once('.').map_or("3ds", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "3ds" => {
            let mesh = Mesh3ds::read(content);
            let whole = mesh.whole?;
            let rest = edges_left.checked_sub(mesh.edges.len()).filter(|_| mesh.is_complete());
            let slices = rest.map_or_else(Vec::new, |_| slices(&whole, &mesh));
            *edges_left = rest.unwrap_or(*edges_left);
            Some(Extent { whole, slices })
        }
        "glb" => gltf_bounds(json_of_glb(content)?).map(Extent::one_box),
        "gltf" => gltf_bounds(content).map(Extent::one_box),
        _ => None,
    }
}

impl Extent {
    fn one_box(whole: Bounds) -> Self {
        Self { whole, slices: Vec::new() }
    }
}

/// Vertices of a 3DS file, and the edges of its faces as indices of them: no more of either than are cut into slices.
#[derive(Default)]
struct Mesh3ds {
    /// The box around all vertices, also those that are not kept.
    whole: Option<Bounds>,
    vertices: Vec<[f64; 3]>,
    edges: Vec<[usize; 2]>,
}

impl Mesh3ds {
    /// Chunks that contain chunks are entered, all others are stepped over, so no recursion is needed.
    fn read(content: &[u8]) -> Self {
        let mut mesh = Self::default();
        let mut first = 0;
        let mut rest = content;
        while let Some((header, body)) = rest.split_at_checked(6) {
            let (id, length) = (number(header.get(..2)), number(header.get(2..)));
            let (list, after) = body.split_at(length.saturating_sub(6).min(body.len()));
            match id {
                MAIN | EDITOR | TRIANGLES => rest = body,
                OBJECT => {
                    let name = body.iter().position(|byte| *byte == 0).map_or(body.len(), |end| end + 1);
                    rest = body.get(name..).unwrap_or_default();
                }
                VERTICES => {
                    first = mesh.vertices.len();
                    for vertex in list.get(2..).unwrap_or_default().chunks_exact(12).map(vertex) {
                        let corners = mesh.whole.map(|whole| [whole.min, whole.max]);
                        mesh.whole = Bounds::around(corners.into_iter().flatten().chain([vertex]));
                        if mesh.vertices.len() <= EDGES {
                            mesh.vertices.push(vertex);
                        }
                    }
                    rest = after;
                }
                FACES => {
                    // Materials follow the faces inside the same chunk, so the count says where to stop.
                    let faces = list.get(2..).unwrap_or_default().chunks_exact(8).take(number(list.get(..2)));
                    for face in faces {
                        let [a, b, c] = [0, 2, 4].map(|at: usize| first + number(face.get(at..at + 2)));
                        if mesh.edges.len() > EDGES {
                            break;
                        }
                        mesh.edges.extend([[a, b], [b, c], [c, a]]);
                    }
                    rest = after;
                }
                _ => rest = after,
            }
        }
        mesh
    }

    /// Whether all of it was kept.
    fn is_complete(&self) -> bool {
        self.edges.len() <= EDGES && self.vertices.len() <= EDGES
    }
}

/// Cuts the mesh across its longest axis. The part of a face between two cuts is bounded by the ends of its edges and by
/// where they cross the cuts, so boxes around those contain it.
fn slices(whole: &Bounds, mesh: &Mesh3ds) -> Vec<Bounds> {
    let sizes = [0, 1, 2].map(|axis: usize| pick(whole.max, axis) - pick(whole.min, axis));
    let axis = if sizes[0] >= sizes[1].max(sizes[2]) {
        0
    } else if sizes[1] >= sizes[2] {
        1
    } else {
        2
    };
    let (start, step) = (pick(whole.min, axis), pick(sizes, axis) / SLICES as f64);
    if step <= 0.0 {
        return Vec::new();
    }
    let mut slices: Vec<Option<Bounds>> = vec![None; SLICES];
    for [a, b] in &mesh.edges {
        let (Some(a), Some(b)) = (mesh.vertices.get(*a), mesh.vertices.get(*b)) else { continue };
        let (low, high) = if pick(*a, axis) <= pick(*b, axis) { (a, b) } else { (b, a) };
        let (from, to) = (pick(*low, axis), pick(*high, axis));
        for (index, slice) in slices.iter_mut().enumerate() {
            let (left, right) = (start + index as f64 * step, start + (index + 1) as f64 * step);
            if to < left || from > right {
                continue;
            }
            for cut in [from.max(left), to.min(right)] {
                let part = if to > from { ((cut - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
                let mut point = *low;
                for (slot, end) in point.iter_mut().zip(high) {
                    *slot += (end - *slot) * part;
                }
                let corners = slice.map(|slice| [slice.min, slice.max]);
                *slice = Bounds::around(corners.into_iter().flatten().chain([point]));
            }
        }
    }
    let slices: Vec<Bounds> = slices.into_iter().flatten().collect();
    let area = |bounds: &Bounds| {
        let sizes = [0, 1, 2].map(|axis: usize| pick(bounds.max, axis) - pick(bounds.min, axis));
        sizes[0] * sizes[1] + sizes[1] * sizes[2] + sizes[0] * sizes[2]
    };
    // Sides of neighbouring boxes count twice, hence the generous share.
    let covered: f64 = slices.iter().map(area).sum();
    if covered < area(whole) * 0.8 { slices } else { Vec::new() }
}

fn pick(point: [f64; 3], axis: usize) -> f64 {
    point.get(axis).copied().unwrap_or(0.0)
}

fn number(bytes: Option<&[u8]>) -> usize {
    bytes.unwrap_or_default().iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
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
    #[serde(default, deserialize_with = "few")]
    scenes: Vec<GltfScene>,
    #[serde(default, deserialize_with = "few")]
    nodes: Vec<GltfNode>,
    #[serde(default, deserialize_with = "few")]
    meshes: Vec<GltfMesh>,
    #[serde(default, deserialize_with = "few")]
    accessors: Vec<GltfAccessor>,
}

// req: MVR-LIMIT-MESH
/// A list of limited length: an empty node takes three bytes in a file and a hundred times as much in memory.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {NODES}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(one) = from.next_element()? {
                if list.len() >= NODES {
                    return Err(A::Error::invalid_length(list.len() + 1, &self));
                }
                list.push(one);
            }
            Ok(list)
        }
    }

    from.deserialize_seq(Few(PhantomData))
}

/// Whether there are so few values in a JSON that all its lists together are small; texts, which may be buffers, do not count.
fn has_few_values(json: &[u8]) -> bool {
    let (mut commas, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' if !in_text => commas += 1,
            _ => {}
        }
    }
    commas <= VALUES
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
    if !has_few_values(json) {
        return None;
    }
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

/// Chunks of a 3DS file.
const MAIN: usize = 0x4D4D;
const EDITOR: usize = 0x3D3D;
const OBJECT: usize = 0x4000;
const TRIANGLES: usize = 0x4100;
const VERTICES: usize = 0x4110;
const FACES: usize = 0x4120;
const SLICES: usize = 16;
/// Edges of a mesh that is still cut into slices.
const EDGES: usize = 200_000;
/// Nodes of one glTF that are looked at.
const NODES: usize = 16_384;
/// Values in the JSON of one glTF.
const VALUES: usize = 1_000_000;
