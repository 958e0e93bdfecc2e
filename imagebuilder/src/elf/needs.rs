//! Reads the needs of a binary from its headers.

use std::path::Path;

use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadRef};
use oci::Platform;

use super::error::ElfError;
use super::glibc::GlibcVersion;

/// The needs of a dynamically linked binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The path of the dynamic loader.
    pub(crate) interpreter: String,
    /// The names of its libraries.
    pub(crate) libraries: Vec<String>,
    /// The folders in its headers (`RPATH`, `RUNPATH`) to search for them.
    pub(crate) folders: Vec<String>,
    /// The newest version of glibc whose symbols it uses.
    pub(crate) glibc: Option<GlibcVersion>,
}

/// Reads the needs of `binary`, at `path`; `None` if it is static.
///
/// # Errors
/// If it is not a program for `platform`.
pub(crate) fn needs<'data>(
    path: &Path,
    binary: impl ReadRef<'data>,
    platform: &Platform,
) -> Result<Option<Needs>, ElfError> {
    let not_elf = |source| ElfError::NotElf {
        path: path.to_owned(),
        source,
    };
    let header = FileHeader64::<Endianness>::parse(binary).map_err(not_elf)?;
    let endian = header.endian().map_err(not_elf)?;
    let machine = header.e_machine(endian);
    let right = match platform.architecture.as_str() {
        "amd64" => machine == EM_X86_64,
        "arm64" => machine == EM_AARCH64,
        _ => false,
    };
    if !right {
        return Err(ElfError::Machine {
            path: path.to_owned(),
            platform: Box::new(platform.clone()),
            machine: machine.0,
        });
    }
    let segments = header.program_headers(endian, binary).map_err(not_elf)?;
    let Some(segment) = segments.iter().find(|s| s.p_type(endian) == PT_INTERP) else {
        return Ok(None);
    };
    let (offset, size) = segment.file_range(endian);
    let name = binary.read_bytes_at(offset, size).unwrap_or_default();
    let mut needs = Needs {
        interpreter: text(name.split(|byte| *byte == 0).next().unwrap_or_default()),
        libraries: Vec::new(),
        folders: Vec::new(),
        glibc: None,
    };
    let sections = header.sections(endian, binary).map_err(not_elf)?;
    let dynamic = sections.dynamic_table(endian, binary).map_err(not_elf)?;
    for entry in &dynamic {
        if ![DT_NEEDED, DT_RPATH, DT_RUNPATH].contains(&entry.tag) {
            continue;
        }
        let value = text(dynamic.string(entry).map_err(not_elf)?);
        if entry.tag == DT_NEEDED {
            needs.libraries.push(value);
        } else {
            needs.folders.extend(value.split(':').map(str::to_owned));
        }
    }
    if let Some((mut files, link)) = sections.gnu_verneed(endian, binary).map_err(not_elf)? {
        let strings = sections.strings(endian, binary, link).map_err(not_elf)?;
        while let Some((_, mut versions)) = files.next().map_err(not_elf)? {
            while let Some(version) = versions.next().map_err(not_elf)? {
                let name = version.name(endian, strings).map_err(not_elf)?;
                needs.glibc = needs.glibc.max(GlibcVersion::of_symbol(name));
            }
        }
    }
    Ok(Some(needs))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
