//! TLS with a Postgres whose certificate was signed by nobody that the world knows.

use containers::process::Process;
use containers::servers::{Postgres, own_name};
use containers::shop::ballet;
use sqlx::Row;
use std::path::{Path, PathBuf};

/// An authority of our own, and a certificate that it has signed for this machine.
const MAKE: &str = "
    set -e
    command -v openssl >/dev/null || { echo 'openssl is missing: install the package openssl'; exit 1; }
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nbasicConstraints=CA:FALSE\\n' >extensions
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
        -extfile extensions -out server.crt
";

/// The files of an authority, in a folder of their own.
struct Authority(PathBuf);

impl Authority {
    async fn new() -> Self {
        let name = own_name(&format!("ballet-authority-{}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let script = format!("cd {} && ({MAKE})", folder.display());
        let mut made = Process::start("sh", &["-c", &script], &[]);
        assert!(made.ended().await.success(), "{}", made.heard().await);
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn sslmode_says_whether_the_line_is_encrypted_and_whose_certificate_is_believed() {
    let (postgres, authority) = (Postgres::alone().await, Authority::new().await);
    let database = postgres.database("tls").await;
    let owner = database.owner_url();
    let migrate = async |options: &str| {
        let store = format!("{owner}?patience-ms=20000&{options}");
        ballet(&["migrate", "--store", &store, "--schema", "s"]).await
    };
    let plain = migrate("sslmode=require").await;
    assert_eq!(plain.code, Some(1), "{}", plain.said);
    assert!(plain.said.contains("cannot be spoken to as `sslmode` asks"), "{}", plain.said);

    let [certificate, key] = ["server.crt", "server.key"].map(|name| text(&authority.file(name)));
    postgres.speak_tls(&certificate, &key).await;
    let root = format!("sslrootcert={}", authority.file("ca.crt").display());
    for options in ["sslmode=require", "sslmode=prefer", "sslmode=disable"] {
        let ran = migrate(options).await;
        assert_eq!(ran.code, Some(0), "{options}: {}", ran.said);
    }
    for mode in ["verify-ca", "verify-full"] {
        let unknown = migrate(&format!("sslmode={mode}")).await;
        assert_eq!(unknown.code, Some(1), "{mode}: {}", unknown.said);
        let sentence = "cannot be spoken to as `sslmode` asks: look at the certificates";
        assert!(unknown.said.contains(sentence), "{}", unknown.said);
        assert!(unknown.said.lines().count() == 1 && !unknown.said.contains("secret"));
        let known = migrate(&format!("sslmode={mode}&{root}")).await;
        assert_eq!(known.code, Some(0), "{mode}: {}", known.said);
    }

    // It is encrypted indeed: the server says so of the session.
    let url = format!("{owner}?sslmode=verify-full&{root}");
    let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let asked = sqlx::query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    assert!(asked.fetch_one(&mut db).await.unwrap().get::<bool, _>(0));
}
