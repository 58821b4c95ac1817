//! From a command line to a process that ends well.

use crate::fakes::World;
use crate::http::Example;
use crate::http::acls;
use crate::http::between::{Between, Nothing};
use crate::http::complain;
use crate::http::desk::{Desk, Limits};
use crate::http::ground::{Ground, check};
use crate::http::options::{Asked, Options, Store};
use crate::http::orders;
use crate::http::server::serve;
use crate::settings::{Settings, settings};
use ballet::sqlite::Sqlite;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Runs an example as its command line says. What keeps it from running is told in one sentence.
#[must_use]
pub fn main(example: &Example) -> ExitCode {
    main_with(example, Arc::new(Nothing))
}

/// The same with something between the services and what they stand on.
#[must_use]
pub fn main_with(example: &Example, between: Arc<dyn Between>) -> ExitCode {
    match run_with(example, std::env::args().skip(1), between) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", example.name);
            ExitCode::from(2)
        }
    }
}

/// A sentence.
pub type Why = Box<dyn Error + Send + Sync>;

/// Runs an example as these arguments say, until the process is told to end.
///
/// # Errors
///
/// What keeps it from running, in one sentence.
///
/// # If the process dies
///
/// Everything that was acknowledged is on the disk, and the next one goes on with it.
pub fn run(example: &Example, args: impl IntoIterator<Item = String>) -> Result<(), Why> {
    run_with(example, args, Arc::new(Nothing))
}

fn run_with(
    example: &Example,
    args: impl IntoIterator<Item = String>,
    between: Arc<dyn Between>,
) -> Result<(), Why> {
    let options = match Options::read(example.name, args, |name| std::env::var(name).ok())? {
        Asked::Run(options) => options,
        Asked::Acls => {
            print!("{}", acls::of(example));
            return Ok(());
        }
        Asked::Help => {
            println!("{}", Options::help(example.name));
            return Ok(());
        }
    };
    Settings::read(|name| std::env::var(name).ok())?;
    complain::listen(example.name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve_until_told(example, &options, between));
    // What is not finished by now goes on in the next life.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}

async fn serve_until_told(
    example: &Example,
    options: &Options,
    between: Arc<dyn Between>,
) -> Result<(), Why> {
    // Before anything is opened, or made.
    check(options.services.as_deref(), example)?;
    let listen = options.listen;
    let taken = |told| format!("cannot listen on {listen} ({told}): name another with --listen");
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let mut end = Box::pin(told_to_end()?);
    println!("{} runs with\n{}", example.name, options.shown());
    let opening = async {
        let ground = ground(example, options, Arc::clone(&between)).await?;
        let ground = ground.only(options.services.clone());
        let world = between.world(world(options)?);
        let limits = Limits { in_flight: options.in_flight, engine: engine(), seed: options.seed };
        let desk = Desk::open(example, ground, world, limits).await;
        desk.map_err(|told| with_advice(example, told))
    };
    let desk = tokio::select! {
        desk = opening => desk?,
        () = &mut end => return Ok(()),
    };
    println!("{}", greeting(example, options, listener.local_addr()?));
    Ok(serve(listener, desk, end, options.drain).await?)
}

/// Whoever lacks one right in Kafka may lack more of them.
fn with_advice(example: &Example, told: ballet::Error) -> Why {
    match told.to_string() {
        text if text.contains("kafka-acls.sh") => {
            format!("{text}; `{} topology --acls` prints all rights", example.name).into()
        }
        _ => told.into(),
    }
}

/// What the services stand on. On one file nothing can be between: its log is the store itself.
#[cfg_attr(not(feature = "servers"), allow(clippy::needless_pass_by_value))]
async fn ground(
    example: &Example,
    options: &Options,
    between: Arc<dyn Between>,
) -> Result<Ground, Why> {
    match &options.store {
        Store::File(file) => Ok(Sqlite::open_for(file, example.name).await?.into()),
        #[cfg(feature = "servers")]
        Store::Servers { store, broker } => {
            let servers = crate::http::Servers::reach(store, broker, options.lanes).await?;
            Ok(servers.behind(between).into())
        }
        #[cfg(not(feature = "servers"))]
        Store::Servers { .. } => {
            drop(between);
            Err("it was built without Postgres and Kafka: build it with `--features servers`"
                .into())
        }
    }
}

/// The outside world outlives the shop, so it keeps its books in files.
fn world(options: &Options) -> Result<World, Why> {
    let file = options.outside.display();
    let unkept = |told| format!("cannot keep the books of the outside beside {file} ({told})");
    let world = World::kept_beside(&options.outside).map_err(unkept)?;
    options.dials.iter().for_each(|(whom, turn)| world.turn(*whom, turn));
    Ok(world)
}

/// The bounds of the engine: the usual ones, but for how long it rests between two attempts, and two looks for
/// requests.
fn engine() -> ballet::Settings {
    let (usual, set) = (ballet::Settings::default(), settings());
    let retry = usual.retry.up_to(set.attempt_rest);
    ballet::Settings { retry, poll: set.request_look, ..usual }
}

/// Ends when somebody says so: by a terminal, or by whoever watches over processes.
#[cfg(unix)]
fn told_to_end() -> Result<impl Future<Output = ()> + Send, Why> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kill = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = kill.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when somebody says so.
#[cfg(not(unix))]
fn told_to_end() -> Result<impl Future<Output = ()> + Send, Why> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn greeting(example: &Example, options: &Options, at: SocketAddr) -> String {
    let Example { name, .. } = example;
    let order_id = orders::of_key("1");
    let place = match &options.store {
        Store::File(file) => format!("everything is in {}", file.display()),
        Store::Servers { .. } => format!(
            "serving {}",
            options.services.as_ref().map_or("everything".to_owned(), |only| only.join(" "))
        ),
    };
    format!(
        r#"{name}: http://{at}, {place}; customers are c1 to c20. To paste:

  curl -i http://{at}/v1/orders -H 'Idempotency-Key: 1' -d '{{"customer_id":"c1","total_minor":109900,"currency":"USD","lines":[{{"sku":"ipad","qty":1,"unit_price_minor":109900}}]}}'
  ORDER=http://{at}/v1/orders/{order_id}      # the Location of the answer
  curl "$ORDER?wait=terminal"; curl "$ORDER/history"; curl -X POST "$ORDER/cancel"
  curl -X PUT http://{at}/dials/provider -d '{{"decline":["c2"],"lose_answers":1}}'
  curl -X PUT http://{at}/dials/carrier -d '{{"wire":"down"}}'      # up, down, slow
  curl -X PUT http://{at}/dials/services/fraud -d '{{"wire":"down"}}'
  curl http://{at}/runs; curl http://{at}/alerts; curl http://{at}/dead-letters
  curl http://{at}/health; curl http://{at}/metrics; curl http://{at}/dials

Kill it whenever you like, and start it again: every purchase goes on."#
    )
}
