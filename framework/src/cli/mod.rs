//! The program `ballet`: the part of operating services that no service may do itself.
//!
//! ```text
//! ballet migrate --store postgres://owner…/shop --service orders,inventory --app-role {service}_app
//! ballet migrate --store postgres://owner…/shop --service orders,inventory --app-role {service}_app --log shop_log
//! ```
//!
//! It ends with 0 if it did what was asked, with 2 if it did not understand, and with 1 if the server
//! refused; then one sentence says what to do.

mod options;

use crate::error::Error;
use crate::postgres::{Config, Postgres};
use options::{Asked, Migrate};
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

/// Runs the program as its command line says.
#[must_use]
pub fn main() -> ExitCode {
    match run(std::env::args().skip(1), &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, why }) => {
            let _ = writeln!(stderr(), "ballet: {why}");
            ExitCode::from(code)
        }
    }
}

/// Why it did not do what was asked.
struct Failed {
    code: u8,
    why: String,
}

impl From<Error> for Failed {
    fn from(told: Error) -> Self {
        Self { code: 1, why: told.to_string() }
    }
}

fn misunderstood(why: String) -> Failed {
    Failed { code: 2, why }
}

fn run(args: impl IntoIterator<Item = String>, out: &mut impl Write) -> Result<(), Failed> {
    match options::read(args, |name| std::env::var(name).ok()).map_err(misunderstood)? {
        Asked::Help => tell(out, options::HELP),
        Asked::Migrate(asked) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let why = |told| Failed { code: 1, why: format!("it cannot run here ({told})") };
            runtime.map_err(why)?.block_on(migrate(&asked, out))
        }
    }
}

fn tell(out: &mut impl Write, text: &str) -> Result<(), Failed> {
    let told = writeln!(out, "{text}");
    told.map_err(|told| Failed { code: 1, why: format!("nobody reads what it says ({told})") })
}

/// Schema by schema, each in a transaction of its own: what was made before one fails stays, and the next
/// run goes on behind it.
async fn migrate(asked: &Migrate, out: &mut impl Write) -> Result<(), Failed> {
    for schema in &asked.schemas {
        let config = Config::new(&asked.store, schema);
        let config = config.map_err(|told| misunderstood(told.to_string()))?;
        let config = config.patience(asked.patience);
        let role = asked.role_of(schema);
        let done = Postgres::migrate(&config, role.as_deref()).await?;
        tell(out, &said("schema", schema, done, role.as_deref()))?;
    }
    let Some(log) = &asked.log else { return Ok(()) };
    let config = Config::new(&asked.store, log);
    let config = config.map_err(|told| misunderstood(told.to_string()))?.patience(asked.patience);
    for role in asked.roles_of_log() {
        let done = Postgres::migrate_log(&config, role.as_deref()).await?;
        tell(out, &said("log", log, done, role.as_deref()))?;
    }
    Ok(())
}

/// What was done.
fn said(what: &str, schema: &str, done: usize, role: Option<&str>) -> String {
    let made = match done {
        0 => "is up to date".to_owned(),
        1 => "was brought up to date by 1 migration".to_owned(),
        number => format!("was brought up to date by {number} migrations"),
    };
    let granted = role.map(|role| format!("; role `{role}` may read and write its rows"));
    format!("{what} `{schema}` {made}{}", granted.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{run, said};

    fn ran(text: &str) -> Result<String, (u8, String)> {
        let mut out = Vec::new();
        let done = run(text.split_whitespace().map(str::to_owned), &mut out);
        done.map_err(|failed| (failed.code, failed.why))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_not_understood_is_told_with_two() {
        for (text, why) in [
            ("", "it needs a command: `ballet --help` lists them"),
            ("dance", "there is no command `dance`; `ballet --help` lists them"),
            ("migrate --colour blue", "there is no option `--colour`; `ballet --help` lists them"),
            (
                "migrate --store http://u:dance@h/d --schema s",
                "this is no URL of a Postgres database: write \
                 `postgres://role:password@host:port/database`",
            ),
        ] {
            assert_eq!(ran(text), Err((2, why.to_owned())));
        }
    }

    #[test]
    fn help_is_no_failure() {
        for text in ["--help", "-h", "help", "migrate --help"] {
            assert!(ran(text).unwrap().contains("ballet migrate --store"));
        }
    }

    #[test]
    fn it_says_what_it_did() {
        assert_eq!(said("schema", "orders", 0, None), "schema `orders` is up to date");
        let done = "log `orders` was brought up to date by 1 migration; role `app` may read and write \
                    its rows";
        assert_eq!(said("log", "orders", 1, Some("app")), done);
    }
}
