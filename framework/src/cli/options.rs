//! What the command line of `ballet` may say.

use std::time::Duration;

/// Where the URL is looked for if the command line does not say it: there, other users do not see it.
pub(super) const STORE: &str = "BALLET_STORE";

/// What may be asked for.
pub(super) const HELP: &str = "\
Makes and changes the schemas of services. No service does so itself: run it as their owner.

usage: ballet migrate --store URL (--schema NAME | --service NAME,… | --log NAME)… [--app-role ROLE]

  --store     postgres://owner:password@host:port/database; or the variable BALLET_STORE
  --schema    the schema to make or to bring up to this version
  --service   the same for several services: each has the schema of its name, where `-` is `_`
  --log       the schema of the log that they speak over, if no other broker is there
  --app-role  who may read and write rows; `{service}` in it stands for the schema
  --patience  how many seconds a server that does not answer is waited for   30

Doing it again changes nothing; two at once wait for each other.";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Help,
    Migrate(Migrate),
}

/// Which schemas are to be made, where, and for whom.
#[derive(PartialEq, Eq)]
pub(super) struct Migrate {
    pub(super) store: String,
    pub(super) schemas: Vec<String>,
    pub(super) log: Option<String>,
    pub(super) app_role: Option<String>,
    pub(super) patience: Duration,
}

/// Without the URL: there may be a password in it.
impl std::fmt::Debug for Migrate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { schemas, log, app_role, .. } = self;
        write!(f, "migrate {schemas:?} and {log:?} for {app_role:?}")
    }
}

impl Migrate {
    /// Who may use a schema.
    pub(super) fn role_of(&self, schema: &str) -> Option<String> {
        Some(self.app_role.as_ref()?.replace("{service}", schema))
    }

    /// Who may use the log: whoever may use one of the schemas.
    pub(super) fn roles_of_log(&self) -> Vec<Option<String>> {
        let mut roles: Vec<_> = self.schemas.iter().map(|schema| self.role_of(schema)).collect();
        if roles.is_empty() {
            roles.push(self.app_role.clone());
        }
        roles.dedup();
        roles
    }
}

/// Reads the command line.
pub(super) fn read(
    args: impl IntoIterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Asked, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("--help" | "-h" | "help") => return Ok(Asked::Help),
        Some("migrate") => {}
        Some(other) => {
            return Err(format!("there is no command `{other}`; `ballet --help` lists them"));
        }
        None => return Err("it needs a command: `ballet --help` lists them".to_owned()),
    }
    let (mut store, mut schemas) = (variable(STORE), Vec::new());
    let (mut log, mut app_role, mut patience) = (None, None, Duration::from_secs(30));
    while let Some(word) = args.next() {
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| args.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--store" => store = Some(value()?),
            "--schema" => schemas.push(value()?),
            "--service" => schemas.extend(value()?.split(',').map(schema_of)),
            "--log" => log = Some(value()?),
            "--app-role" => app_role = Some(value()?),
            "--patience" => patience = seconds(&value()?)?,
            _ => {
                return Err(format!("there is no option `{option}`; `ballet --help` lists them"));
            }
        }
    }
    let store = store.ok_or_else(|| format!("it needs `--store`, or the variable {STORE}"))?;
    if schemas.is_empty() && log.is_none() {
        return Err("it needs `--schema`, `--service` or `--log`: name what to migrate".to_owned());
    }
    Ok(Asked::Migrate(Migrate { store, schemas, log, app_role, patience }))
}

/// The schema of a service.
fn schema_of(service: &str) -> String {
    service.trim().replace('-', "_")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().map(Duration::from_secs);
    number.map_err(|_| format!("`--patience` takes whole seconds, and `{text}` is none"))
}

#[cfg(test)]
mod tests {
    use super::{Asked, Migrate, read};

    fn asked(text: &str) -> Result<Asked, String> {
        read(text.split_whitespace().map(str::to_owned), |_| None)
    }

    fn migrate(text: &str) -> Migrate {
        match asked(text) {
            Ok(Asked::Migrate(migrate)) => migrate,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn services_have_schemas_and_roles_of_their_names() {
        let asked = migrate("migrate --store=s --service orders,fraud-v2 --app-role {service}_app");
        assert_eq!(asked.schemas, ["orders", "fraud_v2"]);
        assert_eq!(asked.role_of("fraud_v2").as_deref(), Some("fraud_v2_app"));
        assert_eq!(migrate("migrate --store s --schema a").role_of("a"), None);
    }

    #[test]
    fn whoever_may_use_a_schema_may_use_the_log() {
        let roles = |text: &str| -> Vec<String> {
            migrate(text).roles_of_log().into_iter().map(Option::unwrap_or_default).collect()
        };
        let each = "migrate --store s --service a,b --log l --app-role {service}_app";
        assert_eq!(roles(each), ["a_app", "b_app"]);
        assert_eq!(roles("migrate --store s --service a,b --log l --app-role app"), ["app"]);
        assert_eq!(roles("migrate --store s --log l --app-role app"), ["app"]);
        assert_eq!(roles("migrate --store s --log l"), [""]);
    }

    #[test]
    fn the_url_may_come_from_the_environment_and_is_not_shown() {
        let words = "migrate --schema a".split(' ').map(str::to_owned);
        let Ok(read) = read(words, |_| Some("postgres://u:dance@h/d".to_owned())) else {
            panic!("it is understood")
        };
        assert!(!format!("{read:?}").contains("dance"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, why) in [
            ("migrate --schema a", "it needs `--store`, or the variable BALLET_STORE"),
            (
                "migrate --store s",
                "it needs `--schema`, `--service` or `--log`: name what to migrate",
            ),
            ("migrate --store", "`--store` needs a value"),
            (
                "migrate --store s --schema a --patience soon",
                "`--patience` takes whole seconds, and `soon` is none",
            ),
        ] {
            assert_eq!(asked(text), Err(why.to_owned()));
        }
    }
}
