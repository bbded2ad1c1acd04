//! What may stand where: the node definitions of MVR 1.6 (tables 1 to 41) as data.

use super::typed::Text;

/// An element with children or attributes.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) attributes: &'static [Attribute],
    /// Lists of children, one after the other.
    pub(super) children: &'static [&'static [Child]],
    /// Whether the official schema wants them in this order.
    pub(super) ordered: bool,
    pub(super) text: Text,
}

pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) text: Text,
    pub(super) required: bool,
}

pub(super) struct Child {
    pub(super) name: &'static str,
    pub(super) content: Content,
    pub(super) count: Count,
}

#[derive(Clone, Copy)]
pub(super) enum Content {
    Text(Text),
    Node(&'static Shape),
}

/// How often a child may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    /// Once; files older than MVR 1.6 need not have it.
    OneSinceNewest,
    Optional,
    Many,
}

const fn required(name: &'static str, text: Text) -> Attribute {
    Attribute { name, text, required: true }
}

const fn optional(name: &'static str, text: Text) -> Attribute {
    Attribute { name, text, required: false }
}

const fn value(name: &'static str, text: Text, count: Count) -> Child {
    Child { name, content: Content::Text(text), count }
}

const fn node(shape: &'static Shape, name: &'static str, count: Count) -> Child {
    Child { name, content: Content::Node(shape), count }
}

const fn shape(
    name: &'static str,
    attributes: &'static [Attribute],
    children: &'static [&'static [Child]],
) -> Shape {
    Shape { name, attributes, children, ordered: true, text: Text::Nothing }
}

/// Table 1.
pub(super) static ROOT: Shape = shape(
    "GeneralSceneDescription",
    // The version is read, and refused, before anything else.
    &[
        required("verMajor", Text::Free),
        required("verMinor", Text::Free),
        optional("provider", Text::Free),
        optional("providerVersion", Text::Free),
    ],
    &[&[node(&USER_DATA, "UserData", Count::Optional), node(&SCENE, "Scene", Count::One)]],
);

static USER_DATA: Shape = shape("UserData", &[], &[&[node(&DATA, "Data", Count::Many)]]);
/// Whatever an application wants to keep; the schema knows no content of it, the text does.
static DATA: Shape = Shape {
    text: Text::Anything,
    ..shape("Data", &[required("provider", Text::Free), optional("ver", Text::Free)], &[])
};

static SCENE: Shape = Shape {
    ordered: false,
    ..shape(
        "Scene",
        &[],
        &[&[node(&AUXILIARY, "AUXData", Count::Optional), node(&LAYERS, "Layers", Count::One)]],
    )
};

static AUXILIARY: Shape = shape(
    "AUXData",
    &[],
    &[&[
        node(&CLASS, "Class", Count::Many),
        node(&SYMDEF, "Symdef", Count::Many),
        node(&POSITION, "Position", Count::Many),
        node(&DEFINITION, "MappingDefinition", Count::Many),
    ]],
);
static CLASS: Shape = shape("Class", NAMED, &[]);
static POSITION: Shape = shape("Position", NAMED, &[]);
static SYMDEF: Shape = shape("Symdef", NAMED, &[&[node(&SYMDEF_CHILDREN, "ChildList", Count::One)]]);
static SYMDEF_CHILDREN: Shape = shape("ChildList", &[], &[SHAPES]);
static DEFINITION: Shape = shape(
    "MappingDefinition",
    NAMED,
    &[&[
        value("SizeX", Text::Integer, Count::One),
        value("SizeY", Text::Integer, Count::One),
        node(&SOURCE, "Source", Count::One),
        node(&SCALE, "ScaleHandeling", Count::Optional),
    ]],
);

static LAYERS: Shape = shape("Layers", &[], &[&[node(&LAYER, "Layer", Count::Many)]]);
static LAYER: Shape = shape(
    "Layer",
    NAMED,
    &[&[value("Matrix", Text::Matrix, Count::Optional), node(&CHILD_LIST, "ChildList", Count::Optional)]],
);
/// Table 42.
static CHILD_LIST: Shape = Shape {
    ordered: false,
    ..shape(
        "ChildList",
        &[],
        &[&[
            node(&FIXTURE, "Fixture", Count::Many),
            node(&TRUSS, "Truss", Count::Many),
            node(&SUPPORT, "Support", Count::Many),
            node(&VIDEO_SCREEN, "VideoScreen", Count::Many),
            node(&PROJECTOR, "Projector", Count::Many),
            node(&SCENE_OBJECT, "SceneObject", Count::Many),
            node(&GROUP, "GroupObject", Count::Many),
            node(&FOCUS_POINT, "FocusPoint", Count::Many),
        ]],
    )
};

static GROUP: Shape = shape("GroupObject", NAMED, &[PLACE, &[node(&CHILD_LIST, "ChildList", Count::One)]]);
static FOCUS_POINT: Shape = shape("FocusPoint", NAMED, &[PLACE, GEOMETRY]);
static SCENE_OBJECT: Shape = Shape {
    ordered: false,
    ..shape(
        "SceneObject",
        DEVICE_NAMED,
        &[PLACE, GEOMETRY, DEVICE, &[value("FixtureID", Text::Free, Count::Optional)], NUMBERS, CHILDREN],
    )
};
static FIXTURE: Shape = Shape {
    ordered: false,
    ..shape(
        "Fixture",
        DEVICE_NAMED,
        &[
            PLACE,
            DEVICE,
            &[
                value("Focus", Text::Reference, Count::Optional),
                value("DMXInvertPan", Text::Boolean, Count::Optional),
                value("DMXInvertTilt", Text::Boolean, Count::Optional),
                value("Position", Text::Reference, Count::Optional),
                value("Function", Text::Free, Count::Optional),
                value("FixtureID", Text::Free, Count::One),
                value("FixtureIDNumeric", Text::Count, Count::Optional),
                value("FixtureTypeId", Text::Count, Count::Optional),
                value("UnitNumber", Text::Count, Count::One),
                value("ChildPosition", Text::Free, Count::Optional),
                node(&PROTOCOLS, "Protocols", Count::Optional),
                value("Color", Text::Color, Count::Optional),
                value("CustomIdType", Text::Integer, Count::Optional),
                value("CustomId", Text::Integer, Count::Optional),
                node(&MAPPINGS, "Mappings", Count::Optional),
                node(&GOBO, "Gobo", Count::Optional),
            ],
            CHILDREN,
        ],
    )
};
static TRUSS: Shape = shape(
    "Truss",
    DEVICE_NAMED,
    &[
        PLACE,
        &[value("Position", Text::Reference, Count::Optional)],
        GEOMETRY,
        &[value("Function", Text::Free, Count::Optional)],
        DEVICE,
        &[value("ChildPosition", Text::Free, Count::Optional)],
        CHILDREN,
        IDENTIFIER,
        NUMBERS,
    ],
);
static SUPPORT: Shape = shape(
    "Support",
    DEVICE_NAMED,
    &[
        PLACE,
        &[value("Position", Text::Reference, Count::Optional)],
        GEOMETRY,
        &[value("Function", Text::Free, Count::Optional), value("ChainLength", Text::Number, Count::One)],
        DEVICE,
        IDENTIFIER,
        NUMBERS,
        CHILDREN,
    ],
);
static VIDEO_SCREEN: Shape = shape(
    "VideoScreen",
    DEVICE_NAMED,
    &[
        PLACE,
        GEOMETRY,
        &[node(&SOURCES, "Sources", Count::Optional), value("Function", Text::Free, Count::Optional)],
        DEVICE,
        CHILDREN,
        IDENTIFIER,
        NUMBERS,
    ],
);
static PROJECTOR: Shape = shape(
    "Projector",
    DEVICE_NAMED,
    &[
        PLACE,
        GEOMETRY,
        &[node(&PROJECTIONS, "Projections", Count::One)],
        DEVICE,
        CHILDREN,
        IDENTIFIER,
        NUMBERS,
    ],
);

static GEOMETRIES: Shape = shape("Geometries", &[], &[SHAPES]);
static GEOMETRY_3D: Shape = shape(
    "Geometry3D",
    &[required("fileName", Text::Free)],
    &[&[value("Matrix", Text::Matrix, Count::Optional)]],
);
static SYMBOL: Shape = shape(
    "Symbol",
    &[required("uuid", Text::Identity), required("symdef", Text::Free)],
    &[&[value("Matrix", Text::Matrix, Count::Optional)]],
);

static ADDRESSES: Shape = shape(
    "Addresses",
    &[],
    &[&[node(&ADDRESS, "Address", Count::Many), node(&NETWORK, "Network", Count::Many)]],
);
static ADDRESS: Shape =
    Shape { text: Text::Address, ..shape("Address", &[optional("break", Text::Break)], &[]) };
static NETWORK: Shape = shape(
    "Network",
    &[
        required("geometry", Text::Free),
        optional("ipv4", Text::Ipv4),
        optional("subnetmask", Text::Ipv4),
        optional("ipv6", Text::Ipv6),
        optional("dhcp", Text::Free),
        optional("hostname", Text::Free),
    ],
    &[],
);
static PROTOCOLS: Shape = shape("Protocols", &[], &[&[node(&PROTOCOL, "Protocol", Count::Many)]]);
static PROTOCOL: Shape = shape(
    "Protocol",
    &[
        optional("geometry", Text::Free),
        optional("name", Text::Free),
        optional("type", Text::Free),
        optional("version", Text::Free),
        optional("transmission", Text::OneOf(&["Unicast", "Multicast", "Broadcast", "Anycast"])),
    ],
    &[],
);
static ALIGNMENTS: Shape = shape("Alignments", &[], &[&[node(&ALIGNMENT, "Alignment", Count::Many)]]);
static ALIGNMENT: Shape = shape(
    "Alignment",
    &[optional("geometry", Text::Free), optional("up", Text::Free), optional("direction", Text::Free)],
    &[],
);
static COMMANDS: Shape = shape("CustomCommands", &[], &[&[value("CustomCommand", Text::Free, Count::Many)]]);
static OVERWRITES: Shape = shape("Overwrites", &[], &[&[node(&OVERWRITE, "Overwrite", Count::Many)]]);
static OVERWRITE: Shape =
    shape("Overwrite", &[required("universal", Text::Free), optional("target", Text::Free)], &[]);
static CONNECTIONS: Shape = shape("Connections", &[], &[&[node(&CONNECTION, "Connection", Count::Many)]]);
static CONNECTION: Shape = shape(
    "Connection",
    &[required("own", Text::Free), required("other", Text::Free), required("toObject", Text::Reference)],
    &[],
);
static MAPPINGS: Shape = shape("Mappings", &[], &[&[node(&MAPPING, "Mapping", Count::Many)]]);
static MAPPING: Shape = shape(
    "Mapping",
    &[required("linkedDef", Text::Reference)],
    &[&[
        value("ux", Text::Integer, Count::Optional),
        value("uy", Text::Integer, Count::Optional),
        value("ox", Text::Integer, Count::Optional),
        value("oy", Text::Integer, Count::Optional),
        value("rz", Text::Number, Count::Optional),
    ]],
);
/// Its text is a file name; the schema forgot it.
static GOBO: Shape = Shape { text: Text::Free, ..shape("Gobo", &[optional("rotation", Text::Number)], &[]) };
static SOURCES: Shape = shape("Sources", &[], &[&[node(&SOURCE, "Source", Count::Many)]]);
static SOURCE: Shape = Shape {
    text: Text::Free,
    ..shape(
        "Source",
        &[
            required("linkedGeometry", Text::Free),
            required("type", Text::OneOf(&["NDI", "File", "CITP", "CaptureDevice"])),
        ],
        &[],
    )
};
static PROJECTIONS: Shape = shape("Projections", &[], &[&[node(&PROJECTION, "Projection", Count::Many)]]);
static PROJECTION: Shape = shape(
    "Projection",
    &[],
    &[&[node(&SOURCE, "Source", Count::Many), node(&SCALE, "ScaleHandeling", Count::Many)]],
);
/// The text of the format writes the value as text, the schema as an attribute.
static SCALE: Shape = Shape {
    text: Text::OneOfOrEmpty(SCALES),
    ..shape("ScaleHandeling", &[optional("Enum", Text::OneOf(SCALES))], &[])
};

const SCALES: &[&str] = &["ScaleKeepRatio", "ScaleIgnoreRatio", "KeepSizeCenter"];
const NAMED: &[Attribute] = &[required("uuid", Text::Identity), optional("name", Text::Free)];
const DEVICE_NAMED: &[Attribute] = &[
    required("uuid", Text::Identity),
    optional("name", Text::Free),
    optional("multipatch", Text::Reference),
];
static PLACE: &[Child] =
    &[value("Matrix", Text::Matrix, Count::Optional), value("Classing", Text::Reference, Count::Optional)];
static SHAPES: &[Child] =
    &[node(&GEOMETRY_3D, "Geometry3D", Count::Many), node(&SYMBOL, "Symbol", Count::Many)];
static GEOMETRY: &[Child] = &[node(&GEOMETRIES, "Geometries", Count::One)];
static CHILDREN: &[Child] = &[node(&CHILD_LIST, "ChildList", Count::Optional)];
static DEVICE: &[Child] = &[
    value("GDTFSpec", Text::Free, Count::Optional),
    value("GDTFMode", Text::Free, Count::Optional),
    value("CastShadow", Text::Boolean, Count::Optional),
    node(&ADDRESSES, "Addresses", Count::Optional),
    node(&ALIGNMENTS, "Alignments", Count::Optional),
    node(&COMMANDS, "CustomCommands", Count::Optional),
    node(&OVERWRITES, "Overwrites", Count::Optional),
    node(&CONNECTIONS, "Connections", Count::Optional),
];
static IDENTIFIER: &[Child] = &[value("FixtureID", Text::Free, Count::OneSinceNewest)];
static NUMBERS: &[Child] = &[
    value("FixtureIDNumeric", Text::Count, Count::Optional),
    value("FixtureTypeId", Text::Count, Count::Optional),
    value("UnitNumber", Text::Count, Count::Optional),
    value("CustomIdType", Text::Integer, Count::Optional),
    value("CustomId", Text::Integer, Count::Optional),
];
