//! Turns 28 bytes into a [`PackageHeader`] and back.
//!
//! It knows one header only: neither the limits of a connection nor what came before. A header that parses makes
//! sense by itself; the decoder judges it in its place.
//!
//! Mirrors Table 66, in the order of its C layout.
//!
//! ```
//! use mvrx_wire::{PackageHeader, PackageType};
//!
//! let header = PackageHeader::single(PackageType::File, 274);
//! assert_eq!(PackageHeader::parse(&header.to_bytes()), Ok(header));
//! ```

use std::fmt;

use crate::error::DecodeError;

/// `MVR_PACKAGE_HEADER`: the number that every package starts with.
pub const MAGIC: u32 = 778_682;

/// `MVR_PACKAGE_VERSION`: the version of the package format that is written.
pub const VERSION: u32 = 1;

/// The bytes of a package before its payload.
pub const HEADER_LEN: usize = 28;

/// `MVR_PACKAGE_TYPE`: what the payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackageType {
    /// Type 0: a JSON document in UTF-8.
    Json,
    /// Type 1: bytes of an MVR file.
    File,
}

impl PackageType {
    /// The number on the wire.
    pub const fn code(self) -> u32 {
        match self {
            Self::Json => 0,
            Self::File => 1,
        }
    }

    /// The type with this number, if the specification knows one.
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Json),
            1 => Some(Self::File),
            _ => None,
        }
    }
}

impl fmt::Display for PackageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::File => "file",
        })
    }
}

/// What stands in front of a payload. The fields are what the peer wrote, deviations included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackageHeader {
    /// `MVR_PACKAGE_VERSION`. Should be 1; one product sends uninitialised memory here.
    pub version: u32,
    /// `MVR_PACKAGE_NUMBER`: which package of its message this is, from 0.
    pub number: u32,
    /// `MVR_PACKAGE_COUNT`: how many packages the message has, as written. [`Self::packages`] is how to read it.
    pub count: u32,
    /// `MVR_PACKAGE_TYPE`.
    pub package_type: PackageType,
    /// `MVR_PAYLOAD_LENGTH`: bytes of payload that follow this header.
    pub payload_length: u64,
}

impl PackageHeader {
    /// The header of a message that is one package: the only form that is ever written.
    // req: PKG-04, PKG-08
    pub const fn single(package_type: PackageType, payload_length: u64) -> Self {
        Self { version: VERSION, number: 0, count: 1, package_type, payload_length }
    }

    /// How many packages the message has. A count of 0 is read as 1.
    // req: PKG-06
    pub const fn packages(&self) -> u32 {
        if self.count == 0 { 1 } else { self.count }
    }

    /// The 28 bytes as they go over the wire.
    // req: PKG-01, PKG-02, PKG-03
    pub const fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [a0, a1, a2, a3] = MAGIC.to_be_bytes();
        let [b0, b1, b2, b3] = self.version.to_be_bytes();
        let [c0, c1, c2, c3] = self.number.to_be_bytes();
        let [d0, d1, d2, d3] = self.count.to_be_bytes();
        let [e0, e1, e2, e3] = self.package_type.code().to_be_bytes();
        let [f0, f1, f2, f3, f4, f5, f6, f7] = self.payload_length.to_be_bytes();
        [
            a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, e0, e1, e2, e3, f0, f1, f2, f3,
            f4, f5, f6, f7,
        ]
    }

    /// Reads a header that makes sense by itself.
    ///
    /// # Errors
    /// [`DecodeError::MagicIsNotThatOfAPackage`], [`DecodeError::PackageTypeUnknown`] and
    /// [`DecodeError::PackageNumberNotBelowCount`]. Limits and the place in the stream are the decoder's business.
    // req: PKG-01, PKG-02, PKG-03, PKG-07, PKG-17
    #[inline]
    pub const fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, DecodeError> {
        let [
            a0,
            a1,
            a2,
            a3,
            b0,
            b1,
            b2,
            b3,
            c0,
            c1,
            c2,
            c3,
            d0,
            d1,
            d2,
            d3,
            e0,
            e1,
            e2,
            e3,
            f0,
            f1,
            f2,
            f3,
            f4,
            f5,
            f6,
            f7,
        ] = *bytes;
        let magic = u32::from_be_bytes([a0, a1, a2, a3]);
        if magic != MAGIC {
            return Err(DecodeError::MagicIsNotThatOfAPackage { got: magic, expected: MAGIC });
        }
        let code = u32::from_be_bytes([e0, e1, e2, e3]);
        let Some(package_type) = PackageType::from_code(code) else {
            return Err(DecodeError::PackageTypeUnknown { got: code });
        };
        let header = Self {
            version: u32::from_be_bytes([b0, b1, b2, b3]),
            number: u32::from_be_bytes([c0, c1, c2, c3]),
            count: u32::from_be_bytes([d0, d1, d2, d3]),
            package_type,
            payload_length: u64::from_be_bytes([f0, f1, f2, f3, f4, f5, f6, f7]),
        };
        if header.number >= header.packages() {
            return Err(DecodeError::PackageNumberNotBelowCount {
                number: header.number,
                count: header.count,
            });
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests;
