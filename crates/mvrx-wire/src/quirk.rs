//! Deviations from the specification that are read all the same, counted by name.
//!
//! A quirk is not an error: the package is taken. Whoever runs the connection may tell its user once per peer.

/// A deviation that products in the field show and that [`Decoder`](crate::Decoder) tolerates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Quirk {
    /// `MVR_PACKAGE_VERSION` is not 1.
    PackageVersionNotOne,
    /// `MVR_PACKAGE_COUNT` is 0; read as 1.
    PackageCountZero,
}

impl Quirk {
    /// Every quirk there is.
    pub const ALL: [Self; 2] = [Self::PackageVersionNotOne, Self::PackageCountZero];

    /// A stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PackageVersionNotOne => "package-version-not-one",
            Self::PackageCountZero => "package-count-zero",
        }
    }
}

/// How often each [`Quirk`] was seen on one connection, counted in packages. Counters stop at their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    version_not_one: u64,
    count_zero: u64,
    last_version: Option<u32>,
}

impl Quirks {
    pub(crate) const NONE: Self = Self { version_not_one: 0, count_zero: 0, last_version: None };

    /// The packages that showed this quirk.
    pub const fn packages(&self, quirk: Quirk) -> u64 {
        match quirk {
            Quirk::PackageVersionNotOne => self.version_not_one,
            Quirk::PackageCountZero => self.count_zero,
        }
    }

    /// The quirks seen so far, each with the number of packages that showed it.
    pub fn seen(&self) -> impl Iterator<Item = (Quirk, u64)> + use<> {
        let quirks = *self;
        Quirk::ALL
            .into_iter()
            .map(move |quirk| (quirk, quirks.packages(quirk)))
            .filter(|&(_, packages)| packages > 0)
    }

    /// Whether every package so far was as the specification wants it.
    pub const fn is_empty(&self) -> bool {
        self.version_not_one == 0 && self.count_zero == 0
    }

    /// The version of the latest package whose version was not 1.
    pub const fn last_version(&self) -> Option<u32> {
        self.last_version
    }

    #[cold]
    pub(crate) const fn saw_version(&mut self, version: u32) {
        self.version_not_one = self.version_not_one.saturating_add(1);
        self.last_version = Some(version);
    }

    #[cold]
    pub(crate) const fn saw_count_zero(&mut self) {
        self.count_zero = self.count_zero.saturating_add(1);
    }
}
