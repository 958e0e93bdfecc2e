//! The section `.dep-v0` of an ELF file: reads it, and computes the bytes that add it.
//!
//! It is appended, followed by a new section table; of the file's own bytes only the header changes. The
//! section is not loaded when the program runs.

use std::io::Read as _;

use flate2::Compression;
use flate2::bufread::{ZlibDecoder, ZlibEncoder};
use object::elf::{
    FileHeader64, SHT_NULL, SHT_PROGBITS, SHT_STRTAB, SectionFlags, SectionHeader64, SectionType,
    SymbolSection,
};
use object::endian::{U16, U32, U64};
use object::pod::bytes_of;
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Endianness, ReadRef};

use super::Crates;

/// The name of the section, as in `cargo auditable`.
const NAME: &[u8] = b".dep-v0";

/// The largest section that is read, and the largest JSON in it: a binary is not trusted. The largest known
/// lists have a few hundred KiB.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The file offset of a section table is a multiple of this.
const ALIGNMENT: u64 = 8;

/// The size of a section's header, by the specification.
const SECTION_HEADER_BYTES: u16 = 64;

/// Why a binary's list of crates cannot be read, or none can be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SectionError {
    /// The file is not ELF, or is damaged.
    #[error("it is not a valid 64-bit ELF file")]
    Elf(#[from] object::Error),
    /// It has so many sections that the header cannot count one more, or their names leave no room.
    #[error("it has {0} sections, too many to add one")]
    Full(usize),
    /// The list is larger than [`MAX_BYTES`].
    #[error("its list of crates has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// The list is not valid zlib.
    #[error("its list of crates cannot be decompressed")]
    Zlib(#[source] std::io::Error),
    /// The list is not JSON of the expected form.
    #[error("its list of crates is not valid")]
    Json(#[from] serde_json::Error),
}

/// The changes that add the section to a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Addition {
    /// The new first bytes of the file.
    pub(super) head: Vec<u8>,
    /// The appended bytes.
    pub(super) tail: Vec<u8>,
}

/// Reads the list of crates in a binary, if it has one.
pub(crate) fn read<'data>(binary: impl ReadRef<'data>) -> Result<Option<Crates>, SectionError> {
    let header = FileHeader64::<Endianness>::parse(binary)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let Some((_, section)) = sections.section_by_name(endian, NAME) else {
        return Ok(None);
    };
    let size = section.sh_size.get(endian);
    if size > MAX_BYTES {
        return Err(SectionError::TooLarge);
    }
    let compressed = section.data(endian, binary)?;
    let mut json = Vec::new();
    let mut decoder = ZlibDecoder::new(compressed).take(MAX_BYTES + 1);
    decoder.read_to_end(&mut json).map_err(SectionError::Zlib)?;
    if json.len() as u64 > MAX_BYTES {
        return Err(SectionError::TooLarge);
    }
    Ok(Some(Crates::parse(&json)?))
}

/// The changes that add a section with `crates` to a binary of `size` bytes; `None` if it has one.
pub(super) fn add<'data>(
    binary: impl ReadRef<'data>,
    size: u64,
    crates: &Crates,
) -> Result<Option<Addition>, SectionError> {
    let header = FileHeader64::<Endianness>::parse(binary)?;
    let endian = header.endian()?;
    let table = header.sections(endian, binary)?;
    if table.section_by_name(endian, NAME).is_some() {
        return Ok(None);
    }
    let mut sections: Vec<SectionHeader64<Endianness>> =
        header.section_headers(endian, binary)?.to_vec();
    // The first entry is the null section. If there are no names yet, it stands for those too.
    let own = if sections.is_empty() {
        sections.push(blank(endian));
        0
    } else {
        let own = header.section_strings_index(endian, binary)?.0;
        if own < sections.len() { own } else { 0 }
    };
    let mut names = match own {
        0 => vec![0],
        own => sections[own].data(endian, binary)?.to_vec(),
    };
    let end = |tail: &[u8]| size + tail.len() as u64;
    let mut tail = Vec::new();
    pad(size, &mut tail);
    let offset = end(&tail);
    let compressed = compress(&crates.to_json());
    tail.extend_from_slice(&compressed);
    let mut list = section(endian, SHT_PROGBITS, offset, &compressed);
    list.sh_name = U32::new(endian, length(&names));
    names.extend_from_slice(NAME);
    names.push(0);
    sections.push(list);

    let mut strings = section(endian, SHT_STRTAB, end(&tail), &names);
    let strings_index = if own > 0 {
        strings.sh_name = sections[own].sh_name;
        sections[own] = strings;
        own
    } else {
        strings.sh_name = U32::new(endian, length(&names));
        names.extend_from_slice(b".shstrtab\0");
        strings.sh_size = U64::new(endian, names.len() as u64);
        sections.push(strings);
        sections.len() - 1
    };
    tail.extend_from_slice(&names);
    pad(size, &mut tail);

    // Beyond this number the count is stored elsewhere, which binaries of Rust never need.
    let full = || SectionError::Full(sections.len());
    let count = u16::try_from(sections.len())
        .ok()
        .filter(|count| *count < 0xff00);
    let count = count.ok_or_else(full)?;
    let mut header = *header;
    header.e_shoff = U64::new(endian, end(&tail));
    header.e_shnum = U16::new(endian, count);
    header.e_shentsize = U16::new(endian, SECTION_HEADER_BYTES);
    let strings_index = u16::try_from(strings_index).map_err(|_| full())?;
    header.e_shstrndx = U16::new(endian, SymbolSection(strings_index));
    for section in &sections {
        tail.extend_from_slice(bytes_of(section));
    }
    Ok(Some(Addition {
        head: bytes_of(&header).to_vec(),
        tail,
    }))
}

fn blank(endian: Endianness) -> SectionHeader64<Endianness> {
    let mut section = section(endian, SHT_NULL, 0, &[]);
    section.sh_addralign = U64::new(endian, 0);
    section
}

/// The header of a section that is not loaded.
fn section(
    endian: Endianness,
    kind: SectionType,
    offset: u64,
    content: &[u8],
) -> SectionHeader64<Endianness> {
    SectionHeader64 {
        sh_name: U32::new(endian, 0),
        sh_type: U32::new(endian, kind),
        sh_flags: U64::new(endian, SectionFlags(0)),
        sh_addr: U64::new(endian, 0),
        sh_offset: U64::new(endian, offset),
        sh_size: U64::new(endian, content.len() as u64),
        sh_link: U32::new(endian, 0),
        sh_info: U32::new(endian, 0),
        sh_addralign: U64::new(endian, 1),
        sh_entsize: U64::new(endian, 0),
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("it is bounded by the file's section")
}

/// Pads `tail`, which follows `size` bytes, to the alignment.
fn pad(size: u64, tail: &mut Vec<u8>) {
    while !(size + tail.len() as u64).is_multiple_of(ALIGNMENT) {
        tail.push(0);
    }
}

fn compress(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = ZlibEncoder::new(json, Compression::best());
    encoder.read_to_end(&mut out).expect("memory can be read");
    out
}

#[cfg(test)]
mod tests {
    use object::elf::SHN_UNDEF;

    use super::*;

    fn crates() -> Crates {
        let json = br#"{"packages":[{"name":"a","version":"1.0.0","source":"local","root":true}],"format":1}"#;
        Crates::parse(json).unwrap()
    }

    fn added(binary: &[u8]) -> Vec<u8> {
        let addition = add(binary, binary.len() as u64, &crates())
            .unwrap()
            .unwrap();
        let mut bytes = binary.to_vec();
        bytes[..addition.head.len()].copy_from_slice(&addition.head);
        bytes.extend(addition.tail);
        bytes
    }

    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn an_added_list_can_be_read_and_nothing_else_changes() {
        let own = own();
        assert_eq!(read(&own[..]).unwrap(), None);
        let with = added(&own);
        assert_eq!(read(&with[..]).unwrap(), Some(crates()));
        assert!(own[64..] == with[64..own.len()]);
        // No section has moved.
        let sections = |bytes: &[u8]| {
            let header = FileHeader64::<Endianness>::parse(bytes).unwrap();
            let endian = header.endian().unwrap();
            let table = header.sections(endian, bytes).unwrap();
            let named = table.iter().map(|section| {
                let name = table.section_name(endian, section).unwrap();
                (
                    name.to_vec(),
                    section.sh_offset.get(endian),
                    section.sh_size.get(endian),
                )
            });
            named.collect::<Vec<_>>()
        };
        let (before, after) = (sections(&own), sections(&with));
        assert_eq!(after.len(), before.len() + 1);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.0, after.0);
            assert!(before == after || before.0 == b".shstrtab");
        }
    }

    #[test]
    fn an_existing_list_is_kept() {
        let with = added(&own());
        assert_eq!(add(&with[..], with.len() as u64, &crates()).unwrap(), None);
    }

    #[test]
    fn a_file_without_sections_gets_its_first() {
        let mut own = own();
        let header = object::pod::from_bytes_mut::<FileHeader64<Endianness>>(&mut own);
        let header = header.unwrap().0;
        header.e_shoff = U64::new(Endianness::default(), 0);
        header.e_shnum = U16::new(Endianness::default(), 0);
        header.e_shstrndx = U16::new(Endianness::default(), SHN_UNDEF);
        let with = added(&own);
        assert_eq!(read(&with[..]).unwrap(), Some(crates()));
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let bomb = compress(&vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1]);
        assert!(bomb.len() < 100_000);
        let mut with = added(&own());
        let header = FileHeader64::<Endianness>::parse(&with[..]).unwrap();
        let endian = header.endian().unwrap();
        let table = header.e_shoff.get(endian);
        let count = u64::from(header.e_shnum.get(endian));
        // The last header is the list's: it is changed to refer to the bytes appended here.
        let offset = with.len() as u64;
        let size = size_of::<SectionHeader64<Endianness>>() as u64;
        let last = usize::try_from(table + (count - 1) * size).unwrap();
        let section = object::pod::from_bytes_mut::<SectionHeader64<Endianness>>(&mut with[last..]);
        let section = section.unwrap().0;
        section.sh_offset = U64::new(endian, offset);
        section.sh_size = U64::new(endian, bomb.len() as u64);
        with.extend(bomb);
        assert!(matches!(read(&with[..]), Err(SectionError::TooLarge)));
    }
}
