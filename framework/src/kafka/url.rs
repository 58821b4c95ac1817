//! How a Kafka is reached, in one line.

use crate::error::{Error, ErrorKind};
use crate::kafka::config::{Config, Sasl};
use std::str::FromStr;
use std::time::Duration;

impl FromStr for Config {
    type Err = Error;

    /// Reads `kafka://[user:password@]host:port[,host:port…][?option=value[&…]]`, or the same with
    /// `kafka+tls://`. Options are `mechanism` (`PLAIN`, if there is a user), `ca` (a path), `replication`,
    /// `largest` (in bytes), `patience-ms`, `session-ms`, and whatever librdkafka knows that has a dot in its
    /// name. What stands for something else here is written as `%` and two hexadecimal digits.
    ///
    /// ```
    /// use ballet::kafka::Config;
    ///
    /// let url = "kafka+tls://shop:d%40nce@one:9092,two:9092?replication=3&session-ms=6000";
    /// let config: Config = url.parse()?;
    /// assert_eq!((&*config.servers, config.replication), ("one:9092,two:9092", Some(3)));
    /// assert_eq!(config.session.as_secs(), 6);
    /// assert_eq!(config.security.sasl.unwrap().password, "d@nce");
    /// # Ok::<(), ballet::Error>(())
    /// ```
    fn from_str(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let tls = match scheme {
            "kafka" => false,
            "kafka+tls" => true,
            _ => return Err(wrong("begin it with `kafka://` or `kafka+tls://`")),
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, servers) = place.rsplit_once('@').map_or((None, place), |(u, s)| (Some(u), s));
        let servers = servers.trim_end_matches('/');
        if servers.is_empty() || servers.contains('/') {
            return Err(wrong("name its servers as `host:port`, with commas between them"));
        }
        let mut config = Self::new(servers);
        config.security.tls = tls;
        config.security.sasl = user.map(sasl).transpose()?;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            config.set(name, decoded(value)?)?;
        }
        config.check()?;
        Ok(config)
    }
}

impl Config {
    fn set(&mut self, name: &str, value: String) -> Result<(), Error> {
        match (name, &mut self.security.sasl) {
            ("mechanism", Some(sasl)) => sasl.mechanism = value,
            ("mechanism", None) => return Err(wrong("a `mechanism` needs a user")),
            ("ca", _) => self.security.ca = Some(value.into()),
            ("replication", _) => {
                let number = value.parse().map_err(|_| wrong("`replication` is a number"))?;
                self.replication = Some(number);
            }
            ("largest", _) => {
                self.largest =
                    value.parse().map_err(|_| wrong("`largest` is a number of bytes"))?;
            }
            ("patience-ms", _) => {
                let millis = value.parse().map_err(|_| wrong("`patience-ms` is a number"))?;
                self.patience = Duration::from_millis(millis);
            }
            ("session-ms", _) => {
                let millis = value.parse().map_err(|_| wrong("`session-ms` is a number"))?;
                self.session = Duration::from_millis(millis);
            }
            (name, _) if name.contains('.') => {
                self.properties.insert(name.to_owned(), value);
            }
            (name, _) => return Err(wrong(&format!("it has no option `{name}`"))),
        }
        Ok(())
    }
}

fn sasl(user: &str) -> Result<Sasl, Error> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mechanism = "PLAIN".to_owned();
    Ok(Sasl { mechanism, user: decoded(user)?, password: decoded(password)? })
}

/// The address is not repeated: there may be a password in it.
fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Definition, format!("the address of Kafka cannot be read: {why}"))
}

fn decoded(text: &str) -> Result<String, Error> {
    let wrong = || wrong("`%` stands before two hexadecimal digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        bytes.push(u8::from_str_radix(digits.ok_or_else(wrong)?, 16).map_err(|_| wrong())?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn an_address_says_everything_that_is_needed() {
        let url = "kafka+tls://s%3Ap:d%40n%25ce@a:1,b:2/?mechanism=SCRAM-SHA-512&ca=/etc/ca.pem\
                   &replication=3&session-ms=6000&compression.type=lz4&largest=7&patience-ms=9";
        let config: Config = url.parse().unwrap();
        assert_eq!((&*config.servers, config.replication), ("a:1,b:2", Some(3)));
        assert_eq!((config.largest, config.patience.as_millis()), (7, 9));
        assert_eq!(config.session.as_millis(), 6_000);
        assert_eq!(config.properties["compression.type"], "lz4");
        assert_eq!(config.security.ca.unwrap().to_str(), Some("/etc/ca.pem"));
        let sasl = config.security.sasl.unwrap();
        assert_eq!((&*sasl.user, &*sasl.password), ("s:p", "d@n%ce"));
        assert_eq!(sasl.mechanism, "SCRAM-SHA-512");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_refused_and_not_repeated() {
        for url in [
            "",
            "localhost:9092",
            "http://u:dance@localhost:9092",
            "kafka://",
            "kafka://u:dance@",
            "kafka://u:dance@host/topic",
            "kafka://u:dance@host?replication=three",
            "kafka://u:dance@host?largest=all",
            "kafka://u:dance@host?patience-ms=much",
            "kafka://u:dance@host?session-ms=long",
            "kafka://u:dance@host?colour=blue",
            "kafka://host?mechanism=PLAIN",
            "kafka://u:dance%4@host",
            "kafka://u:dance%+1@host",
            "kafka://u:dance%ff@host",
            "kafka://u:dance@host?acks=0",
            "kafka://u:dance@host?enable.idempotence=false",
        ] {
            let told = url.parse::<Config>().unwrap_err().to_string();
            assert!(!told.contains("dance"), "{told}");
        }
    }
}
