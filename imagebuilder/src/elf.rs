//! Whether a binary can run on the base it is given: for `scratch`, a static one of the right
//! machine.

use std::path::{Path, PathBuf};

use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadRef};
use oci::Platform;

/// Why a binary cannot run in an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElfError {
    #[error("`{}` is not a 64-bit ELF file", path.display())]
    NotElf {
        path: PathBuf,
        #[source]
        source: object::Error,
    },
    #[error("`{}` is for another machine than {platform} (ELF machine {machine})", path.display())]
    Machine {
        path: PathBuf,
        platform: Box<Platform>,
        machine: u16,
    },
    #[error("`{}` is linked dynamically: it needs {interpreter}, which an empty image has not", path.display())]
    Dynamic { path: PathBuf, interpreter: String },
}

/// Checks that `binary`, read from `path`, runs on `platform` with nothing beside it.
pub(crate) fn check_static<'data>(
    path: &Path,
    binary: impl ReadRef<'data>,
    platform: &Platform,
) -> Result<(), ElfError> {
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
        let (path, platform) = (path.to_owned(), Box::new(platform.clone()));
        return Err(ElfError::Machine {
            path,
            platform,
            machine: machine.0,
        });
    }
    for segment in header.program_headers(endian, binary).map_err(not_elf)? {
        if segment.p_type(endian) == PT_INTERP {
            let (offset, size) = segment.file_range(endian);
            let name = binary.read_bytes_at(offset, size).unwrap_or_default();
            let interpreter = String::from_utf8_lossy(name)
                .trim_end_matches('\0')
                .to_owned();
            return Err(ElfError::Dynamic {
                path: path.to_owned(),
                interpreter,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(binary: &[u8], platform: &str) -> String {
        let platform = platform.parse().unwrap();
        check_static(Path::new("x"), binary, &platform)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_dynamic_binary_names_its_interpreter() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let host = Platform::host().to_string();
        let error = check(&own, &host);
        assert!(
            error.starts_with("`x` is linked dynamically: it needs /lib"),
            "{error}"
        );
    }

    #[test]
    fn another_machine_is_refused() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let other = if cfg!(target_arch = "x86_64") {
            "linux/arm64"
        } else {
            "linux/amd64"
        };
        assert!(check(&own, other).starts_with("`x` is for another machine than linux/"));
    }

    #[test]
    fn what_is_not_elf_is_refused() {
        assert_eq!(
            check(b"#!/bin/sh", "linux/amd64"),
            "`x` is not a 64-bit ELF file"
        );
        assert_eq!(check(b"", "linux/amd64"), "`x` is not a 64-bit ELF file");
    }
}
