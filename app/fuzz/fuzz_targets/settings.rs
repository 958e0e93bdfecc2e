//! Any environment: the settings are read or every problem is named, and nothing panics.
#![no_main]

use app::faults::Faults;
use app::settings::{Settings, table};
use libfuzzer_sys::fuzz_target;

// Lines of NAME=value; a digit or two in place of a name chooses one of the table.
fuzz_target!(|text: &str| {
    let variables: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let chosen = name.parse::<usize>().ok().and_then(|index| table::ALL.get(index));
            (chosen.map_or(name, |setting| setting.name).to_owned(), value.to_owned())
        })
        .collect();
    match Settings::from_env(variables.clone(), "host") {
        Ok(settings) => {
            assert!(settings.limits.headers <= 96);
            assert!(!settings.timeouts.keep_alive.is_zero());
            assert_eq!(Settings::from_env(variables, "host").as_ref(), Ok(&settings));
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
    if let Ok(faults) = text.parse::<Faults>() {
        assert_eq!(faults.to_string().parse(), Ok(faults), "what is written can be read");
    }
});
