//! Colours and symbols of the plan. Every mark differs in form, too, for those who cannot tell its colour.

use super::svg::Theme;

/// The style sheet for a theme.
pub(super) fn sheet(theme: Theme) -> String {
    match theme {
        Theme::Light => [COMMON, LIGHT].concat(),
        Theme::Dark => [COMMON, DARK].concat(),
        Theme::Auto => [COMMON, LIGHT, "@media (prefers-color-scheme:dark){", DARK, "}"].concat(),
    }
}

/// Symbols that are drawn with `use`.
pub(super) const SYMBOLS: &str = concat!(
    r#"<g id="f"><circle r="4"/></g>"#,
    r#"<g id="support"><path d="M0-5 4.5 4h-9z"/></g>"#,
    r#"<g id="projector"><path d="M-5-3.5h10v7h-10z"/></g>"#,
    r#"<g id="screen"><path d="M-6-4h12v8h-12z"/></g>"#,
    r#"<g id="truss"><path d="M-4-4h8v8h-8z"/></g>"#,
    r#"<g id="focus"><path d="M-4 0h8M0-4v8"/></g>"#,
    r#"<g id="thing"><path d="M-2-2h4v4h-4z"/></g>"#,
    r#"<g id="m-re"><circle r="7.5"/></g>"#,
    r#"<g id="m-add"><path d="M-8-8h16v16h-16z"/></g>"#,
    r#"<g id="m-del"><path d="M-6-6 6 6M6-6-6 6"/></g>"#,
    r#"<g id="m-oth"><path d="M0-9 9 0 0 9-9 0z"/></g>"#,
    r#"<g id="m-from"><circle r="4"/></g>"#,
    r#"<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path class="tip" d="M0 0 8 4 0 8z"/></marker>"#,
);

const COMMON: &str = concat!(
    "text{font:11px system-ui,'DejaVu Sans',sans-serif}.h{font-size:17px;font-weight:600}.t{font-weight:600;font-size:12px}",
    ".s{font-size:10px}.id{font-size:9.5px;font-weight:500}",
    ".grid{fill:none;stroke-width:1}.zero{fill:none;stroke-width:1.2}.frame{fill:none;stroke-width:1}",
    ".obj{stroke-width:.6}.truss{stroke-width:1}.sym{stroke-width:1}.ray{fill:none;stroke-width:1.2}",
    ".re,.add,.del,.oth,.from,.mv{fill:none;stroke-width:2}.from{stroke-dasharray:2 2;stroke-width:1.5}",
    ".del{stroke-width:2.4}.gone{stroke-dasharray:2 2}.bow{stroke-width:1.2;stroke-linejoin:round}",
);

const LIGHT: &str = concat!(
    ".bg{fill:#fff}text{fill:#1d2530}.m{fill:#5b6675}.pane{fill:#fafbfc}.frame{stroke:#b5bec9}.grid{stroke:#e7ebf0}.zero{stroke:#c4ccd6}",
    ".obj{fill:#8fa0b4;fill-opacity:.05;stroke:#b4bfcc;stroke-opacity:.75}.truss{fill:#c9d2dc;fill-opacity:.65;stroke:#6f7d8d}.bow{fill:#bcc6d1;stroke:#a3afbc}",
    ".sym{fill:#39465a;stroke:#fff}.ray{stroke:#39465a}.focus{fill:none;stroke:#7b8794}",
    ".re{stroke:#0b62d6}.add{stroke:#128a3c}.del{stroke:#cf222e}.oth{stroke:#8a3ffc}.mv,.from{stroke:#b45309}.tip{fill:#b45309}",
    ".gone{fill:none;stroke:#cf222e}.id{paint-order:stroke;stroke:#fff;stroke-width:2.5px;stroke-linejoin:round}",
);

const DARK: &str = concat!(
    ".bg{fill:#12161c}text{fill:#e6eaf0}.m{fill:#9aa6b5}.pane{fill:#171c24}.frame{stroke:#46515f}.grid{stroke:#232a34}.zero{stroke:#3a4552}",
    ".obj{fill:#9fb0c6;fill-opacity:.04;stroke:#536171;stroke-opacity:.8}.truss{fill:#4a5767;fill-opacity:.65;stroke:#8b99aa}.bow{fill:#465262;stroke:#5d6b7c}",
    ".sym{fill:#d6dee8;stroke:#12161c}.ray{stroke:#d6dee8}.focus{fill:none;stroke:#8b99aa}",
    ".re{stroke:#58a6ff}.add{stroke:#3fb950}.del{stroke:#ff6b62}.oth{stroke:#be95ff}.mv,.from{stroke:#f0a03c}.tip{fill:#f0a03c}",
    ".gone{fill:none;stroke:#ff6b62}.id{paint-order:stroke;stroke:#171c24;stroke-width:2.5px;stroke-linejoin:round}",
);
