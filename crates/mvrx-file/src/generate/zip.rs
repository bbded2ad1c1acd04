//! Writes zip archives, member by member, into any [`Write`]; also deliberately wrong ones, for tests.
//!
//! It knows nothing of MVR. Everything that a reader might trust (sizes, checksum, method, offset, both names) can be
//! overridden per member, because a hostile archive is a good archive with one lie in it. Zip64 records are written where a
//! number does not fit, so a transfer test may use more than 4 GiB. Mirrors APPNOTE 6.3 sections 4.3.7 to 4.3.16.

use std::io::{self, Write};

/// How one member is stored, and the lies it tells.
#[derive(Debug, Clone)]
pub struct MemberOptions {
    /// Compression method number: 0 is STORE, 8 is DEFLATE; data is packed only for 8.
    pub method: u16,
    /// General purpose flags; bit 11 says that the name is UTF-8.
    pub flags: u16,
    /// MS-DOS date and time, date in the upper half.
    pub dos_time: u32,
    /// Upper byte: the system that wrote it (0 FAT, 3 Unix).
    pub made_by: u16,
    /// Size to claim instead of the true one.
    pub claim_size: Option<u64>,
    /// Packed size to claim instead of the true one.
    pub claim_packed: Option<u64>,
    /// Checksum to claim instead of the true one.
    pub claim_crc: Option<u32>,
    /// Offset of the local header to claim instead of the true one.
    pub claim_offset: Option<u64>,
    /// Name in the local header, when it is to differ from the directory's.
    pub local_name: Option<Vec<u8>>,
}

impl Default for MemberOptions {
    fn default() -> Self {
        Self {
            method: STORE,
            flags: 0,
            dos_time: (46 << 25 | 6 << 21 | 15 << 16) | (12 << 11),
            made_by: 20,
            claim_size: None,
            claim_packed: None,
            claim_crc: None,
            claim_offset: None,
            local_name: None,
        }
    }
}

impl MemberOptions {
    /// A member that is packed with DEFLATE.
    pub fn deflate() -> Self {
        Self { method: DEFLATE, ..Self::default() }
    }
}

/// Writes members one after the other and the directory at the end.
#[derive(Debug)]
pub struct ZipWriter<W> {
    out: W,
    offset: u64,
    directory: Vec<u8>,
    count: u64,
}

impl<W: Write> ZipWriter<W> {
    /// Starts an archive at the beginning of `out`.
    pub fn new(out: W) -> Self {
        Self { out, offset: 0, directory: Vec::new(), count: 0 }
    }

    /// Adds one member that is held in memory.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn add(&mut self, name: &[u8], data: &[u8], options: &MemberOptions) -> io::Result<()> {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let packed = if options.method == DEFLATE { Some(deflate(data)?) } else { None };
        let payload = packed.as_deref().unwrap_or(data);
        let truth = Entry {
            size: data.len() as u64,
            packed: payload.len() as u64,
            crc: crc.sum(),
            offset: self.offset,
        };
        self.begin(name, &truth, options)?;
        self.emit(payload)
    }

    /// Adds one stored member of `size` bytes that `fill` produces; it is called for the same bytes twice, first for the checksum.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn add_streamed<F>(
        &mut self,
        name: &[u8],
        size: u64,
        options: &MemberOptions,
        mut pass: impl FnMut() -> F,
    ) -> io::Result<()>
    where
        F: FnMut(&mut [u8]),
    {
        let mut block = vec![0; BLOCK];
        let mut crc = flate2::Crc::new();
        for_each_block(&mut block, size, pass(), |bytes| {
            crc.update(bytes);
            Ok(())
        })?;
        let truth = Entry { size, packed: size, crc: crc.sum(), offset: self.offset };
        self.begin(name, &truth, &MemberOptions { method: STORE, ..options.clone() })?;
        for_each_block(&mut block, size, pass(), |bytes| self.emit(bytes))
    }

    /// Writes the directory and returns what is underneath, unflushed.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn finish(mut self) -> io::Result<W> {
        let start = self.offset;
        let directory = std::mem::take(&mut self.directory);
        self.emit(&directory)?;
        let size = directory.len() as u64;
        let mut tail = Vec::with_capacity(98);
        if self.count > 0xFFFE || start > u64::from(MAX32) || size > u64::from(MAX32) {
            zip64_tail(&mut tail, self.count, size, start, self.offset);
        }
        tail.extend_from_slice(&0x0605_4b50_u32.to_le_bytes());
        tail.extend_from_slice(&[0; 4]);
        let count = u16::try_from(self.count).unwrap_or(u16::MAX).to_le_bytes();
        tail.extend_from_slice(&count);
        tail.extend_from_slice(&count);
        tail.extend_from_slice(&fit32(size).to_le_bytes());
        tail.extend_from_slice(&fit32(start).to_le_bytes());
        tail.extend_from_slice(&[0; 2]);
        self.emit(&tail)?;
        Ok(self.out)
    }

    fn begin(&mut self, name: &[u8], truth: &Entry, options: &MemberOptions) -> io::Result<()> {
        let claim = Entry {
            size: options.claim_size.unwrap_or(truth.size),
            packed: options.claim_packed.unwrap_or(truth.packed),
            crc: options.claim_crc.unwrap_or(truth.crc),
            offset: options.claim_offset.unwrap_or(truth.offset),
        };
        let local_name = options.local_name.as_deref().unwrap_or(name);
        let big = claim.size >= u64::from(MAX32) || claim.packed >= u64::from(MAX32);
        let mut local_extra = Vec::new();
        if big {
            extra_zip64(&mut local_extra, &[claim.size, claim.packed]);
        }
        let mut header = Vec::with_capacity(64 + name.len());
        header.extend_from_slice(&0x0403_4b50_u32.to_le_bytes());
        common_fields(&mut header, &claim, options, big, local_name, &local_extra);
        header.extend_from_slice(local_name);
        header.extend_from_slice(&local_extra);
        self.emit(&header)?;
        self.count += 1;
        self.list(name, &claim, options, big);
        Ok(())
    }

    fn list(&mut self, name: &[u8], claim: &Entry, options: &MemberOptions, big: bool) {
        let far = claim.offset >= u64::from(MAX32);
        let mut extra = Vec::new();
        match (big, far) {
            (true, true) => extra_zip64(&mut extra, &[claim.size, claim.packed, claim.offset]),
            (true, false) => extra_zip64(&mut extra, &[claim.size, claim.packed]),
            (false, true) => extra_zip64(&mut extra, &[claim.offset]),
            (false, false) => {}
        }
        self.directory.extend_from_slice(&0x0201_4b50_u32.to_le_bytes());
        self.directory.extend_from_slice(&options.made_by.to_le_bytes());
        common_fields(&mut self.directory, claim, options, big, name, &extra);
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&fit32(claim.offset).to_le_bytes());
        self.directory.extend_from_slice(name);
        self.directory.extend_from_slice(&extra);
    }

    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

struct Entry {
    size: u64,
    packed: u64,
    crc: u32,
    offset: u64,
}

/// The fields that local header and directory share, from "version needed" to "extra field length".
fn common_fields(
    to: &mut Vec<u8>,
    claim: &Entry,
    options: &MemberOptions,
    big: bool,
    name: &[u8],
    extra: &[u8],
) {
    let sizes = if big { [MAX32, MAX32] } else { [fit32(claim.packed), fit32(claim.size)] };
    to.extend_from_slice(&(if big { 45_u16 } else { 20 }).to_le_bytes());
    to.extend_from_slice(&options.flags.to_le_bytes());
    to.extend_from_slice(&options.method.to_le_bytes());
    to.extend_from_slice(&options.dos_time.to_le_bytes());
    to.extend_from_slice(&claim.crc.to_le_bytes());
    to.extend_from_slice(&sizes[0].to_le_bytes());
    to.extend_from_slice(&sizes[1].to_le_bytes());
    to.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.extend_from_slice(&u16::try_from(extra.len()).unwrap_or(u16::MAX).to_le_bytes());
}

fn extra_zip64(to: &mut Vec<u8>, numbers: &[u64]) {
    to.extend_from_slice(&1_u16.to_le_bytes());
    to.extend_from_slice(&u16::try_from(numbers.len() * 8).unwrap_or(u16::MAX).to_le_bytes());
    for number in numbers {
        to.extend_from_slice(&number.to_le_bytes());
    }
}

fn zip64_tail(to: &mut Vec<u8>, count: u64, size: u64, start: u64, record_offset: u64) {
    to.extend_from_slice(&0x0606_4b50_u32.to_le_bytes());
    to.extend_from_slice(&44_u64.to_le_bytes());
    to.extend_from_slice(&[45, 0, 45, 0]);
    to.extend_from_slice(&[0; 8]);
    for number in [count, count, size, start] {
        to.extend_from_slice(&number.to_le_bytes());
    }
    to.extend_from_slice(&0x0706_4b50_u32.to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&record_offset.to_le_bytes());
    to.extend_from_slice(&1_u32.to_le_bytes());
}

fn for_each_block(
    block: &mut [u8],
    size: u64,
    mut fill: impl FnMut(&mut [u8]),
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let (now, _) = block.split_at_mut(length);
        fill(now);
        take(now)?;
        left -= length as u64;
    }
    Ok(())
}

fn deflate(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data)?;
    encoder.finish()
}

fn fit32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(MAX32)
}

const MAX32: u32 = u32::MAX;
const STORE: u16 = 0;
const DEFLATE: u16 = 8;
const BLOCK: usize = 64 * 1024;
