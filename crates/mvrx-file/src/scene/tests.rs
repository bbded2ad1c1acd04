use super::values::{self, UuidText};
use super::*;

fn close(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
}

#[test]
fn places_are_followed_through_turned_parents() {
    let parent = Matrix::parse("{0,1,0}{-1,0,0}{0,0,1}{100,200,300}").unwrap();
    let child = Matrix::parse("{1,0,0}{0,1,0}{0,0,1}{10,0,5}").unwrap();
    assert!(close(child.within(&parent).origin, [100.0, 210.0, 305.0]));
    assert!(close(child.within(&parent).turn([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]));
    assert_eq!(child.within(&Matrix::IDENTITY), child);
    assert_eq!(Matrix::IDENTITY.within(&parent), parent);
}

#[test]
fn angles_are_found_to_a_hundredth_of_a_degree() {
    for degrees in [0.0_f64, 0.05, 0.2, 45.0, 90.0, 179.9, 180.0] {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let turned =
            Matrix { axes: [[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 3.0]], origin: [5.0; 3] };
        let found = Matrix::IDENTITY.angle_to(&turned);
        assert!((found - degrees).abs() < 0.01, "{degrees}: {found}");
    }
}

#[test]
fn matrices_are_four_groups_of_three_finite_numbers() {
    assert_eq!(Matrix::parse("{1,0,0}{0,1,0}{0,0,1}{0,0,0}"), Some(Matrix::IDENTITY));
    for bad in [
        "",
        "{}",
        "{1,0,0}{0,1,0}{0,0,1}{0,0,0}x",
        "{1,0,0,0}{0,1,0}{0,0,1}{0,0,0}",
        "{inf,0,0}{0,1,0}{0,0,1}{0,0,0}",
    ] {
        assert_eq!(Matrix::parse(bad), None, "{bad}");
    }
}

#[test]
fn addresses_are_read_in_both_forms_and_shown_in_one() {
    for (text, shown) in [
        ("1", "1.1"),
        ("512", "1.512"),
        ("513", "2.1"),
        ("728", "2.216"),
        ("2.216", "2.216"),
        ("0", "unpatched"),
    ] {
        let absolute = values::address(text).unwrap();
        assert_eq!(Address { dmx_break: 0, absolute }.to_string(), shown, "{text}");
    }
    assert_eq!(values::address("65536.512"), Ok(65_536 * 512));
    assert!(values::address("65537.1").is_err() && values::address("4294967295.512").is_err());
}

#[test]
fn uuids_are_read_in_every_spelling_that_was_seen() {
    let proper = UuidText::read("4AB19462-A6E3-4C3B-B25A-D8099F78170C");
    assert!(matches!(proper, UuidText::Proper(_)));
    for loose in [
        "4A B1 94 62 A6 E3 4C 3B B2 5A D8 09 9F 78 17 0C",
        "{4ab19462-a6e3-4c3b-b25a-d8099f78170c}",
        "4ab19462a6e34c3bb25ad8099f78170c",
    ] {
        assert!(
            matches!(UuidText::read(loose), UuidText::Loose(uuid) if Some(uuid) == proper.uuid()),
            "{loose}"
        );
    }
    for bad in ["4ab1", "xyz", "4ab19462a6e34c3bb25ad8099f78170c00", "ä"] {
        assert_eq!(UuidText::read(bad), UuidText::Unreadable, "{bad}");
    }
    assert_eq!(UuidText::read("  "), UuidText::Empty);
}

#[test]
fn a_matrix_without_lengths_is_not_turned_against_itself() {
    let flat = Matrix { axes: [[0.0; 3]; 3], ..Matrix::IDENTITY };
    assert!(flat.angle_to(&flat).abs() < f64::EPSILON);
}
