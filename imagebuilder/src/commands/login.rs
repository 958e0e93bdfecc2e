//! `imagebuilder login` and `logout`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use oci::registry::{Credentials, DockerConfig, Kept, Secret};

use super::CommandError;
use super::context::Context;
use super::publishing::connection;
use crate::args::{Login, Logout};
use crate::registry::check_login;

/// The longest password that is read from standard input; Google's is a JSON document.
const PASSWORD_BYTES: u64 = 64 * 1024;

/// Checks a name and a password, and stores them.
pub(super) fn login(context: &Context, args: &Login) -> Result<(), CommandError> {
    if args.password.is_some() {
        return Err(CommandError::PasswordArgument);
    }
    let password = password(&mut io::stdin().lock())?;
    let username = args.username.clone();
    let credentials = Credentials::Basic {
        username,
        password: password.clone(),
    };
    let connection = connection(context, &args.registry);
    let host = args.host.as_str();
    let asked = check_login(host, &connection, credentials)?;
    if !asked {
        let text = format!("{host} did not require credentials, so they could not be checked");
        context.printer.warn(&text);
    }
    let path = connection.auth_files.first();
    let config = read(path.ok_or(CommandError::NoHome)?)?;
    let kept = config.store(host, &args.username, &password);
    let place = place(&kept.map_err(CommandError::Credentials)?);
    context
        .printer
        .status(&format!("Stored the credentials for {host} {place}"));
    Ok(())
}

/// Deletes stored credentials.
pub(super) fn logout(context: &Context, args: &Logout) -> Result<(), CommandError> {
    let host = args.host.as_str();
    let files: Vec<PathBuf> = match &args.docker_config {
        Some(directory) => vec![directory.join("config.json")],
        None => context.environment.auth_files.clone(),
    };
    let mut deleted = false;
    for path in &files {
        for kept in read(path)?.erase(host).map_err(CommandError::Credentials)? {
            deleted = true;
            let place = place(&kept);
            let text = format!("Deleted the credentials for {host} {place}");
            context.printer.status(&text);
        }
    }
    if !deleted {
        let text = format!("No credentials for {host} are stored");
        context.printer.status(&text);
    }
    Ok(())
}

fn read(path: &Path) -> Result<DockerConfig, CommandError> {
    DockerConfig::read(path.to_owned()).map_err(|source| CommandError::CredentialFile {
        path: path.to_owned(),
        source,
    })
}

fn place(kept: &Kept) -> String {
    match kept {
        Kept::File(path) => format!("in {}", path.display()),
        Kept::Helper(program) => format!("with {program}"),
    }
}

/// The password: the input without the line ending that a shell adds.
fn password(input: &mut impl io::Read) -> Result<Secret, CommandError> {
    let mut text = String::new();
    let read = input.take(PASSWORD_BYTES).read_to_string(&mut text);
    read.map_err(CommandError::Password)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(CommandError::NoPassword);
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_ending_is_not_part_of_the_password() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                password(&mut text.as_bytes()).unwrap(),
                Secret::new(expected)
            );
        };
        check("secret\n", "secret");
        check("secret\r\n", "secret");
        check(" secret \n\n", " secret \n");
        assert!(password(&mut "\n".as_bytes()).is_err());
    }
}
