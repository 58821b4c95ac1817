//! What a file would give away about the machine or the person behind it.

use super::tree::{File, Offence, told};

/// Folders of one machine, put together here so that this file does not name them.
const FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// The index that everybody has; the lock file names it for every package.
const PUBLIC_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// How the hosts of package registries and their mirrors are called.
const REGISTRIES: &[&str] =
    &["registry", "mirror", "proxy", "artifactory", "nexus", "jfrog", "index.", "static.crates."];

/// Domains and addresses that exist on one network only.
const PRIVATE_ENDS: &[&str] = &[".internal", ".corp", ".lan"];
const PRIVATE_STARTS: &[&str] = &["10.", "192.168."];

/// The name under which a container calls its own host, whatever machine that is.
const ANY_HOST: &str = "host.docker.internal";

/// Domains set aside for examples, on which nobody has a mailbox or a machine.
const NOBODYS: &[&str] = &["example.com", "example.net", "example.org", ".example", ".test"];

/// Every trace of a machine, a network or a person.
pub fn left(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for (number, line) in file.lines() {
            offences.extend(traces_in(line).map(|advice| file.offence(number, advice)));
        }
    }
    offences
}

fn traces_in(line: &str) -> impl Iterator<Item = String> {
    let folder = FOLDERS.iter().find(|folder| names_folder(line, folder));
    let folder = folder.map(|at| format!("`{at}` is a folder of one machine: begin at the root"));
    let host = foreign_host(line);
    let host = host.map(|host| format!("`{host}` is a host of one network: leave it out"));
    let mail = mailbox(line);
    let mail = mail.map(|mail| format!("`{mail}` looks like a mailbox: leave it out"));
    folder.into_iter().chain(host).chain(mail)
}

/// Whether a path begins with `folder`; in the middle of one it is just a name.
fn names_folder(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '}' | ')');
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

/// A host of a registry or of a private network that an address in `line` names.
fn foreign_host(line: &str) -> Option<&str> {
    let public = line.contains(PUBLIC_INDEX);
    let own_index = ["registry+", "sparse+"].iter().any(|mark| line.contains(mark)) && !public;
    let mut hosts = line.match_indices("://").map(|(at, mark)| host_at(&line[at + mark.len()..]));
    hosts.find(|host| own_index || is_foreign(host))
}

fn host_at(address: &str) -> &str {
    let authority = address.split(['/', '"', '\'', '`', ' ', ')', '>']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}

fn is_foreign(host: &str) -> bool {
    let private = PRIVATE_ENDS.iter().any(|end| host.ends_with(end))
        || PRIVATE_STARTS.iter().any(|start| host.starts_with(start));
    let registry = host.contains('.') && REGISTRIES.iter().any(|name| host.contains(name));
    host != ANY_HOST && !is_nobodys(host) && (private || registry)
}

/// Something like `name`, `@` and a domain.
fn mailbox(line: &str) -> Option<&str> {
    line.match_indices('@').find_map(|(at, _)| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let start = line[..at].trim_end_matches(is_name).len();
        let rest = &line[at + 1..];
        let length = rest.find(|c| !is_host(c)).unwrap_or(rest.len());
        let domain = rest[..length].trim_end_matches('.');
        (start < at && is_domain(domain)).then(|| &line[start..at + 1 + domain.len()])
    })
}

fn is_nobodys(domain: &str) -> bool {
    NOBODYS.iter().any(|end| domain.ends_with(end))
}

fn is_domain(text: &str) -> bool {
    let Some((name, top)) = text.rsplit_once('.') else { return false };
    let is_top = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    !name.is_empty() && is_top && !is_nobodys(text)
}

#[test]
fn every_folder_of_one_machine_is_named() {
    for folder in FOLDERS {
        let text = format!("fine\nopen(\"{folder}a\")\n");
        let why = "is a folder of one machine: begin at the root";
        assert_eq!(told(left, &[("a.sh", &text)]), [format!("a.sh:2: `{folder}` {why}")]);
        let inside = format!("docs{folder}a and https://a.org{folder}\n");
        assert_eq!(told(left, &[("a.sh", &inside)]), [""; 0]);
    }
}

#[test]
fn every_host_of_one_network_is_named() {
    let hosts = [
        concat!("sparse+https:", "//crates.a.org/"),
        concat!("https:", "//registry.a.org/b"),
        concat!("http:", "//a.b.internal:80/"),
        concat!("http:", "//b:c@10.1.2.3/"),
    ];
    for host in hosts {
        let told = told(left, &[("a.toml", &format!("url = \"{host}\"\n"))]);
        assert_eq!(told.len(), 1, "{host}: {told:?}");
        assert!(told[0].ends_with("is a host of one network: leave it out"));
    }
    let fine =
        format!("{PUBLIC_INDEX}\nhttps://docs.rs/a\nhttp://{ANY_HOST}/\nhttp://localhost:9/\n");
    assert_eq!(told(left, &[("Cargo.lock", &fine)]), [""; 0]);
}

#[test]
fn every_mailbox_is_named() {
    let text = concat!("By A <a.b", "@c-d.org>.\n");
    let mail = concat!("a.b", "@c-d.org");
    let why = "looks like a mailbox: leave it out";
    assert_eq!(told(left, &[("a.md", text)]), [format!("a.md:1: `{mail}` {why}")]);
    let fine = "ann@example.com, a@1.2.3, run @ a.b, postgres://a:b@db:5432/c, #[a]@b\n";
    assert_eq!(told(left, &[("a.md", fine)]), [""; 0]);
}
