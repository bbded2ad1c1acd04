use super::*;
use crate::{CurrentState, Dialect, LeaveKeys};

// proves: MSG-PRODUCT
#[test]
fn tells_products_by_provider_and_by_station_name() {
    for (provider, station, product) in [
        ("GrandMA3", "Desk", Product::GrandMa3),
        ("", "Proart-gMA3", Product::GrandMa3),
        ("grandMA3 onPC", "", Product::GrandMa3),
        ("BlenderDMX", "BlenderDMX_station_host", Product::BlenderDmx),
        ("MVR4J", "JavaStation", Product::Mvr4j),
        ("the-pult", "Festival", Product::ThePult),
        ("Perastage", "P", Product::Perastage),
        ("Peraviz", "P", Product::Peraviz),
        ("libMVRgdtf test station", "VwStation", Product::LibMvrGdtf),
        ("Vectorworks 2026", "", Product::LibMvrGdtf),
        ("Production Assist", "", Product::LibMvrGdtf),
        ("mvrx", "FOH", Product::Mvrx),
        ("MVRApplication", "user A", Product::Other),
        // The protocol's own name is nobody's, and what a person calls a station does not make it one of ours.
        ("MVR-xchange plugin 1.0", "Desk", Product::Other),
        ("MVRxchange", "Desk", Product::Other),
        ("MVR-X", "Desk", Product::Other),
        ("MVRApplication", "MVR-xchange stage left", Product::Other),
        ("", "MVRxchange", Product::Other),
        ("", "mvrx", Product::Other),
        ("mvrx plugin", "Desk", Product::Other),
        ("", "", Product::Other),
        // What the application calls itself counts more than what a person calls the station.
        ("Perastage", "next to the gMA3", Product::Perastage),
    ] {
        assert_eq!(Product::detect(provider, station), product, "{provider} / {station}");
    }
}

// proves: MSG-PRODUCT
#[test]
fn takes_an_unknown_product_for_the_most_delicate_one() {
    let (other, delicate) = (Product::Other, Product::LibMvrGdtf);
    assert_eq!(Dialect::towards(other), Dialect::towards(delicate));
    assert_eq!(Dialect::towards(other), Dialect::strict());
    assert!(!other.survives_new_session_host() && !delicate.survives_new_session_host());
    assert!(!other.answers_request_for_current_state() && !delicate.answers_request_for_current_state());
}

// proves: MSG-PRODUCT
#[test]
fn writes_a_form_of_its_own_only_where_a_product_needs_it() {
    let own = |p: &&Product| Dialect::towards(**p) != Dialect::strict();
    let with_own: Vec<_> = Product::ALL.iter().filter(own).collect();
    assert_eq!(with_own, [&Product::GrandMa3, &Product::Mvr4j, &Product::ThePult]);
    assert_eq!(Dialect::towards(Product::GrandMa3).leave_keys(), LeaveKeys::Both);
    assert_eq!(Dialect::towards(Product::ThePult).current_state(), CurrentState::NoFileUuid);
    let mvr4j = Dialect::towards(Product::Mvr4j);
    assert_eq!((mvr4j.join_bytes(), mvr4j.join_ret_bytes(), mvr4j.mvrx_object()), (996, 996, false));
}

#[test]
fn whoever_understands_a_move_survives_it_and_whoever_reads_an_empty_file_uuid_answers_it() {
    for product in Product::ALL {
        assert!(!product.understands_new_session_host() || product.survives_new_session_host(), "{product}");
        assert!(!product.reads_empty_file_uuid() || product.answers_request_for_current_state(), "{product}");
    }
}
