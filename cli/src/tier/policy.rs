//! Whether better code is made behind a program's back.

use std::time::Duration;

use clap::ValueEnum;
use wasmer_runtime::Validation;

use crate::output;
use crate::units::parse_duration;

/// Whether finishers are started: `off`, `on`, or a time that a program has to have run.
const BACKGROUND_VARIABLE: &str = "WASMER_BACKGROUND";
/// Set on machines that build and test, where a process that goes on behind the last command's back is a surprise.
const CI_VARIABLE: &str = "CI";

/// Whether programs start before all of their functions are compiled: `off`, `on`, or `full`, before they are validated.
const LAZY_VARIABLE: &str = "WASMER_LAZY";

/// When functions are validated of a program that starts before all of them are compiled; none if it does not.
pub(crate) fn lazy() -> Option<Validation> {
    let value = std::env::var_os(LAZY_VARIABLE).unwrap_or_default();
    match &*value.to_string_lossy().to_ascii_lowercase() {
        "full" => Some(Validation::AtFirstCall),
        word if is_off(word) => None,
        _ => Some(Validation::Before),
    }
}

fn is_off(word: &str) -> bool {
    matches!(word, "off" | "0" | "no" | "false" | "never")
}

/// When better code is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optimize {
    /// Not at all.
    Never,
    /// In the background, once the program has run long or often enough for it to pay.
    Idle,
    /// Before the program starts.
    Now,
}

/// What is done about better code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) optimize: Optimize,
    /// After what time of running it pays, instead of by the rule.
    pub(crate) after: Option<Duration>,
    /// What decided.
    pub(crate) because: Reason,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Default,
    Option,
    Variable,
    Ci,
}

impl Policy {
    /// No better code.
    pub(crate) const NEVER: Self = Self { optimize: Optimize::Never, after: None, because: Reason::Option };

    /// The policy by the command line and the environment.
    pub(crate) fn of(option: Option<Optimize>) -> Self {
        let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let (background, ci) = (variable(BACKGROUND_VARIABLE), variable(CI_VARIABLE));
        Self::decide(option, background.as_deref(), ci.as_deref()).unwrap_or_else(|error| {
            output::warning(&format!("`{BACKGROUND_VARIABLE}`: {error}; nothing is compiled in the background"));
            Self { because: Reason::Variable, ..Self::NEVER }
        })
    }

    /// The option before the variable, the variable before `CI`.
    fn decide(option: Option<Optimize>, background: Option<&str>, ci: Option<&str>) -> Result<Self, String> {
        let policy = |optimize, because| Self { optimize, after: None, because };
        let background = match background.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => None,
            Some("on" | "1" | "yes" | "true") => Some(policy(Optimize::Idle, Reason::Variable)),
            Some(word) if is_off(word) => Some(policy(Optimize::Never, Reason::Variable)),
            Some(time) => match parse_duration(time) {
                Ok(after) => Some(Self { after: Some(after), ..policy(Optimize::Idle, Reason::Variable) }),
                Err(_) => return Err(format!("`{time}` is neither `off`, `on` nor a time, for instance 10s")),
            },
        };
        let is_ci = ci.is_some_and(|value| !["", "0", "false"].contains(&value));
        Ok(match (option, background) {
            (Some(optimize), background) => {
                Self { after: background.and_then(|policy| policy.after), ..policy(optimize, Reason::Option) }
            }
            (None, Some(background)) => background,
            (None, None) if is_ci => policy(Optimize::Never, Reason::Ci),
            (None, None) => policy(Optimize::Idle, Reason::Default),
        })
    }

    /// The policy in words.
    pub(crate) fn describe(&self) -> String {
        let because = match self.because {
            Reason::Default => "",
            Reason::Option => ", by `--optimize`",
            Reason::Variable => ", by `WASMER_BACKGROUND`",
            Reason::Ci => ", because `CI` is set",
        };
        match (self.optimize, self.after) {
            (Optimize::Never, _) => format!("off{because}"),
            (Optimize::Now, _) => format!("not needed{because}"),
            (Optimize::Idle, None) => format!("on{because}"),
            (Optimize::Idle, Some(after)) => format!("on, after programs ran {after:?}{because}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Optimize::{Idle, Never, Now};
    use Reason::{Ci, Default, Option as ByOption, Variable};

    #[test]
    fn the_option_goes_before_the_variable_and_that_before_ci() {
        let table = [
            // (option, WASMER_BACKGROUND, CI): (policy, after, because).
            ((None, None, None), (Idle, None, Default)),
            ((None, Some(""), Some("")), (Idle, None, Default)),
            ((None, None, Some("true")), (Never, None, Ci)),
            ((None, None, Some("1")), (Never, None, Ci)),
            ((None, None, Some("false")), (Idle, None, Default)),
            ((None, Some("off"), None), (Never, None, Variable)),
            ((None, Some("OFF"), None), (Never, None, Variable)),
            ((None, Some("0"), None), (Never, None, Variable)),
            ((None, Some("on"), Some("true")), (Idle, None, Variable)),
            ((None, Some("1"), Some("true")), (Idle, None, Variable)),
            ((None, Some("10s"), Some("true")), (Idle, Some(10), Variable)),
            ((None, Some("0s"), None), (Idle, Some(0), Variable)),
            ((Some(Now), Some("off"), Some("true")), (Now, None, ByOption)),
            ((Some(Idle), Some("off"), Some("true")), (Idle, None, ByOption)),
            ((Some(Idle), Some("2m"), None), (Idle, Some(120), ByOption)),
            ((Some(Never), Some("on"), None), (Never, None, ByOption)),
        ];
        for ((option, background, ci), (optimize, after, because)) in table {
            let expected = Policy { optimize, after: after.map(Duration::from_secs), because };
            assert_eq!(Policy::decide(option, background, ci), Ok(expected), "{option:?} {background:?} {ci:?}");
        }
        assert!(Policy::decide(None, Some("sometimes"), None).is_err());
        assert!(Policy::decide(Some(Never), Some("-1s"), None).is_err());
    }
}
