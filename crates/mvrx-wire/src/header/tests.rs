use super::*;

const JOIN: [u8; HEADER_LEN] =
    [0x00, 0x0b, 0xe1, 0xba, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0xbb];

// proves: PKG-01, PKG-02, PKG-03
#[test]
fn fields_stand_in_the_order_of_the_layout_and_big_endian() {
    let header = PackageHeader {
        version: 1,
        number: 2,
        count: 3,
        package_type: PackageType::File,
        payload_length: 0x1_0000_00bb,
    };
    assert_eq!(PackageHeader::parse(&JOIN), Ok(header));
    assert_eq!(header.to_bytes(), JOIN);
}

// proves: PKG-03
#[test]
fn rejects_any_other_magic() {
    for bit in 0..32 {
        let mut bytes = JOIN;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let got = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        assert_eq!(
            PackageHeader::parse(&bytes),
            Err(DecodeError::MagicIsNotThatOfAPackage { got, expected: 778_682 })
        );
    }
}

// proves: PKG-07
#[test]
fn rejects_unknown_package_type() {
    for got in [2, 3, 0x0100_0000, u32::MAX] {
        let mut bytes = PackageHeader::single(PackageType::Json, 0).to_bytes();
        bytes[16..20].copy_from_slice(&got.to_be_bytes());
        assert_eq!(PackageHeader::parse(&bytes), Err(DecodeError::PackageTypeUnknown { got }));
    }
    for (code, package_type) in [(0, PackageType::Json), (1, PackageType::File)] {
        assert_eq!(PackageType::from_code(code), Some(package_type));
        assert_eq!(package_type.code(), code);
    }
}

// proves: PKG-06, PKG-17
#[test]
fn rejects_package_number_not_below_count() {
    let header =
        |number, count| PackageHeader { number, count, ..PackageHeader::single(PackageType::Json, 0) };
    for (number, count) in [(1, 1), (1, 0), (5, 5), (u32::MAX, u32::MAX), (u32::MAX, 0)] {
        let error = DecodeError::PackageNumberNotBelowCount { number, count };
        assert_eq!(PackageHeader::parse(&header(number, count).to_bytes()), Err(error));
    }
    for (number, count) in [(0, 1), (0, 0), (4, 5), (u32::MAX - 1, u32::MAX)] {
        assert_eq!(PackageHeader::parse(&header(number, count).to_bytes()), Ok(header(number, count)));
    }
}
