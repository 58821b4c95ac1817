//! URLs as they may be shown.

/// Words in the name of an option of a URL whose value nobody is shown.
const SECRET: [&str; 5] = ["password", "secret", "token", "key", "jaas"];

/// A URL without the password of its user and without the values of options that are secret.
pub(super) fn masked(url: &str) -> String {
    let (place, options) = url.split_once('?').map_or((url, None), |(a, b)| (a, Some(b)));
    let place = match place.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
    {
        Some((scheme, Some((user, at)))) => {
            let user =
                user.split_once(':').map_or(user.to_owned(), |(user, _)| format!("{user}:***"));
            format!("{scheme}://{user}@{at}")
        }
        _ => place.to_owned(),
    };
    match options {
        None => place,
        Some(options) => {
            let options: Vec<String> = options.split('&').map(option).collect();
            format!("{place}?{}", options.join("&"))
        }
    }
}

fn option(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _)) if SECRET.iter().any(|word| name.contains(word)) => format!("{name}=***"),
        _ => option.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn passwords_are_masked_and_nothing_else() {
        for (url, shown) in [
            ("shop.db", "shop.db"),
            ("postgres://h/d", "postgres://h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://u:p@h:5/d", "postgres://u:***@h:5/d"),
            (
                "postgres://u:p@q:r@h/d?password=p&sslmode=require",
                "postgres://u:***@h/d?password=***&sslmode=require",
            ),
            ("kafka://a:1,b:2", "kafka://a:1,b:2"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
