//! What the command line and the environment may say.

use crate::args::Args;
use crate::fakes::Dials;
use crate::http::mask::masked;
use crate::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the program is to run.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What everything is in.
    pub store: Store,
    /// Which services it serves; `None` is for all.
    pub services: Option<Vec<String>>,
    /// How many orders may be under way before no more are let in.
    pub in_flight: usize,
    /// How many lanes every service has on servers.
    pub lanes: u32,
    /// How long what is under way may take when the process is told to end.
    pub drain: Duration,
    /// The file beside which the books of the outside are kept.
    pub outside: PathBuf,
    /// How the dials of the outside are at first.
    pub dials: Dials,
    /// Whether customers and stock are there at first.
    pub seed: bool,
}

/// What everything is in.
#[derive(Clone, PartialEq, Eq)]
pub enum Store {
    /// One file.
    File(PathBuf),
    /// A Postgres and a Kafka, by their URLs. There may be passwords in them. The broker may be `postgres`,
    /// which is a log in that Postgres.
    Servers {
        /// The Postgres.
        store: String,
        /// The Kafka.
        broker: String,
    },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Servers { store, broker } => {
                write!(f, "{} and {}", masked(store), masked(broker))
            }
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run.
    Run(Options),
    /// To be told what may be asked for.
    Help,
    /// To be told which rights each service needs in Kafka.
    Acls,
}

/// As many as one file takes up in a few seconds.
const IN_FLIGHT: usize = 1_000;
/// As many as there may be processes of a service.
const LANES: u32 = 16;
const DRAIN: Duration = Duration::from_secs(10);

/// The options that a variable may set, too: its name, what it sets, and what holds without it.
const KNOWN: [(&str, &str, &str); 10] = [
    ("listen", "where to listen", "127.0.0.1:8080"),
    ("store", "a file, or postgres://role:password@host:port/database", "NAME.db"),
    ("broker", "with Postgres: kafka://host:port,…, or postgres for a log there", ""),
    ("service", "the services to serve, with commas between them", "all"),
    ("in-flight", "orders under way at most", "1000"),
    ("lanes", "lanes of every service on servers; pinned by the first start", "16"),
    ("drain-ms", "how long what is under way may take at the end", "10000"),
    ("outside", "the file beside which the books of the outside are", "as the store"),
    (
        "dials",
        "how the dials of the outside are at first, as JSON: {\"mail\":{\"wire\":\"down\"}}",
        "",
    ),
    ("seed", "whether customers and stock are there at first: yes or no", "yes"),
];

impl Options {
    /// Reads the command line of the program of this name; what it does not say, variables may.
    ///
    /// # Errors
    ///
    /// A sentence about the first thing that cannot be used.
    pub fn read(
        name: &str,
        args: impl IntoIterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Asked, String> {
        let mut said = Said::default();
        for (option, ..) in KNOWN {
            let value = variable(&variable_of(option)).filter(|value| !value.is_empty());
            value.map_or(Ok(()), |value| said.note(option, value))?;
        }
        let mut args = Args::new(args);
        let (mut topology, mut acls) = (false, false);
        while let Some(option) = args.option() {
            match option.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "topology" => topology = true,
                "--acls" if topology => acls = true,
                _ => match option.strip_prefix("--").filter(|option| is_known(option)) {
                    Some(known) => said.note(known, args.value()?)?,
                    None => return Err(args.unknown()),
                },
            }
        }
        match (topology, acls) {
            (true, true) => Ok(Asked::Acls),
            (true, false) => Err(format!("say `{name} topology --acls`")),
            (false, _) => said.options(name).map(Asked::Run),
        }
    }

    /// What may be asked for.
    #[must_use]
    pub fn help(name: &str) -> String {
        let line = |(option, what, usual): &(&str, &str, &str)| {
            let usual = usual.replace("NAME", name);
            format!("  --{option:<10} {:<16} {what:<66} {usual}\n", variable_of(option))
        };
        let lines: String = KNOWN.iter().map(line).collect();
        format!(
            "Serves the shop over HTTP: on one SQLite file, on Postgres and Kafka, or on Postgres alone.\n\n\
             usage: {name} [--option VALUE]…\n       \
             {name} topology --acls   which rights each service needs in Kafka\n\n\
             Each option may be a variable of the environment instead. In the URLs of Postgres and Kafka \
             `{{service}}` stands for the service that uses it.\n\n{lines}\n\
             Deadlines and limits of the shop are set by variables of the environment:\n\n{}",
            Settings::help()
        )
    }

    /// How the program runs, without what is secret, one option a line.
    #[must_use]
    pub fn shown(&self) -> String {
        let (store, broker) = match &self.store {
            Store::File(file) => (file.display().to_string(), "in the store".to_owned()),
            Store::Servers { store, broker } => (masked(store), masked(broker)),
        };
        let services = self.services.as_ref().map_or("all".to_owned(), |only| only.join(","));
        format!(
            "  listen     {}\n  store      {store}\n  broker     {broker}\n  service    {services}\n  \
             in-flight  {}\n  lanes      {}\n  drain-ms   {}\n  outside    {}\n  seed       {}",
            self.listen,
            self.in_flight,
            if matches!(self.store, Store::File(_)) { 2 } else { self.lanes },
            self.drain.as_millis(),
            self.outside.display(),
            if self.seed { "yes" } else { "no" },
        )
    }
}

fn is_known(option: &str) -> bool {
    KNOWN.iter().any(|(known, ..)| *known == option)
}

/// The variable that sets an option.
fn variable_of(option: &str) -> String {
    format!("SHOP_{}", option.to_uppercase().replace('-', "_"))
}

/// What was said, not yet put together.
#[derive(Default)]
struct Said {
    listen: Option<SocketAddr>,
    store: Option<String>,
    broker: Option<String>,
    services: Option<Vec<String>>,
    in_flight: Option<usize>,
    lanes: Option<u32>,
    drain: Option<Duration>,
    outside: Option<PathBuf>,
    dials: Dials,
    seed: Option<bool>,
}

impl Said {
    fn note(&mut self, option: &str, value: String) -> Result<(), String> {
        match option {
            "listen" => self.listen = Some(listen(&value)?),
            "store" => self.store = Some(value),
            "broker" => self.broker = Some(value),
            "service" => self.services = Some(services(&value)?),
            "in-flight" => self.in_flight = Some(positive(option, &value)?),
            "lanes" => self.lanes = Some(positive(option, &value)?),
            "drain-ms" => {
                let millis = positive::<u64>(option, &value)?;
                self.drain = Some(Duration::from_millis(millis));
            }
            "dials" => self.dials = dials(&value)?,
            "seed" => self.seed = Some(yes(option, &value)?),
            _ => self.outside = Some(PathBuf::from(value)),
        }
        Ok(())
    }

    fn options(self, name: &str) -> Result<Options, String> {
        let store = store(name, self.store, self.broker)?;
        let beside = match &store {
            Store::File(file) => file.clone(),
            Store::Servers { .. } => PathBuf::from(format!("{name}.outside")),
        };
        Ok(Options {
            listen: self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            store,
            services: self.services,
            in_flight: self.in_flight.unwrap_or(IN_FLIGHT),
            lanes: self.lanes.unwrap_or(LANES),
            drain: self.drain.unwrap_or(DRAIN),
            outside: self.outside.unwrap_or(beside),
            dials: self.dials,
            seed: self.seed.unwrap_or(true),
        })
    }
}

/// One file has its messages in itself, and Postgres has none.
fn store(name: &str, store: Option<String>, broker: Option<String>) -> Result<Store, String> {
    let store = store.unwrap_or_else(|| format!("{name}.db"));
    if store.starts_with("postgres://") || store.starts_with("postgresql://") {
        return match broker {
            Some(broker) => Ok(Store::Servers { store, broker }),
            None => {
                Err("--store is a Postgres, and messages need a broker: say --broker postgres, or \
                         --broker kafka://host:port"
                    .to_owned())
            }
        };
    }
    if store.contains("://") {
        return Err("--store is neither a file nor a `postgres://` URL".to_owned());
    }
    match broker {
        None => Ok(Store::File(PathBuf::from(store.strip_prefix("sqlite:").unwrap_or(&store)))),
        Some(_) => {
            Err("--broker needs a Postgres as --store: on one SQLite file the messages are in \
                        that file"
                .to_owned())
        }
    }
}

fn services(value: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().any(String::is_empty) {
        true => Err(format!("--service is `{value}`: give names with commas between them")),
        false => Ok(names),
    }
}

fn listen(value: &str) -> Result<SocketAddr, String> {
    let must = |_| format!("--listen is `{value}`: give an address and a port, as 127.0.0.1:8080");
    value.parse().map_err(must)
}

fn dials(value: &str) -> Result<Dials, String> {
    serde_json::from_str(value).map_err(|told| format!("--dials is `{value}`: {told}"))
}

fn yes(option: &str, value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("--{option} is `{value}`: say yes or no")),
    }
}

fn positive<T: std::str::FromStr + Default + PartialEq>(
    option: &str,
    value: &str,
) -> Result<T, String> {
    let must = || format!("--{option} is `{value}`: give a whole number, 1 or more");
    value.parse().ok().filter(|number| *number != T::default()).ok_or_else(must)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Options, Store};
    use crate::fakes::{Outsider, Reach, Turn};
    use std::path::PathBuf;

    fn read(text: &str) -> Result<Asked, String> {
        Options::read("shop", text.split_whitespace().map(str::to_owned), |_| None)
    }

    fn set(text: &str) -> Options {
        match read(text) {
            Ok(Asked::Run(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let usual = set("");
        assert_eq!(usual.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(usual.store, Store::File(PathBuf::from("shop.db")));
        assert_eq!((usual.drain.as_secs(), usual.services), (10, None));
        let set = set("--listen=127.0.0.1:0 --in-flight 7 --store sqlite:a.db --service=a,b");
        assert_eq!((set.listen.port(), set.in_flight), (0, 7));
        assert_eq!(set.store, Store::File(PathBuf::from("a.db")));
        assert_eq!(set.outside, PathBuf::from("a.db"));
        assert_eq!((set.services.unwrap(), set.seed), (vec!["a".into(), "b".into()], true));
        assert_eq!(read("--store a.db --help"), Ok(Asked::Help));
        assert_eq!(read("topology --acls"), Ok(Asked::Acls));
    }

    #[test]
    fn the_command_line_weighs_more_than_the_environment() {
        let variable = |name: &str| match name {
            "SHOP_STORE" => Some("postgres://u:dance@h/d".to_owned()),
            "SHOP_BROKER" => Some("kafka://h:1".to_owned()),
            "SHOP_SERVICE" => Some("orders".to_owned()),
            "SHOP_DRAIN_MS" => Some("7".to_owned()),
            _ => None,
        };
        let args = ["--service".to_owned(), "inventory".to_owned()];
        let Ok(Asked::Run(read)) = Options::read("shop", args, variable) else { panic!("it runs") };
        assert_eq!((read.services.unwrap(), read.drain.as_millis()), (vec!["inventory".into()], 7));
        assert!(matches!(read.store, Store::Servers { .. }));
    }

    #[test]
    fn the_shop_may_begin_empty_and_the_outside_in_trouble() {
        let set = set(r#"--seed no --dials {"mail":{"wire":"down"}}"#);
        let turn = Turn { wire: Some(Reach::Down), ..Turn::default() };
        assert_eq!((set.seed, set.dials), (false, [(Outsider::Mail, turn)].into()));
        let told = read("--dials {").unwrap_err();
        assert!(told.starts_with("--dials is `{`: "), "{told}");
    }

    #[test]
    fn what_is_secret_is_shown_nowhere() {
        let text = "--store postgres://{service}:dance@h:5/d?sslmode=require --broker \
                    kafka://u:dance@h:1,i:2?ssl.key.password=dance";
        let set = set(text);
        for shown in [set.shown(), format!("{set:?}"), format!("{:?}", set.store)] {
            assert!(!shown.contains("dance"), "{shown}");
            assert!(shown.contains("postgres://{service}:***@h:5/d?sslmode=require"), "{shown}");
            assert!(shown.contains("kafka://u:***@h:1,i:2?ssl.key.password=***"), "{shown}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_in_a_sentence() {
        for (text, why) in [
            ("--port 80", "there is no option `--port`; `--help` lists them"),
            ("--acls", "there is no option `--acls`; `--help` lists them"),
            ("topology", "say `shop topology --acls`"),
            ("--store", "`--store` needs a value"),
            ("--store=", "`--store` needs a value"),
            ("--store mysql://u:p@h", "--store is neither a file nor a `postgres://` URL"),
            (
                "--store postgres://u:p@h/d",
                "--store is a Postgres, and messages need a broker: say --broker postgres, or --broker \
                 kafka://host:port",
            ),
            (
                "--broker kafka://h:1",
                "--broker needs a Postgres as --store: on one SQLite file the messages are in that \
                 file",
            ),
            ("--service a,,b", "--service is `a,,b`: give names with commas between them"),
            ("--listen 8080", "--listen is `8080`: give an address and a port, as 127.0.0.1:8080"),
            ("--in-flight 0", "--in-flight is `0`: give a whole number, 1 or more"),
            ("--seed perhaps", "--seed is `perhaps`: say yes or no"),
        ] {
            assert_eq!(read(text), Err(why.to_owned()));
        }
    }
}
