//! A container that can be killed, frozen and brought back.

use super::guard::{self, LABEL};
use super::runtime;
use ballet::clock::{Stopwatch, rest};
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use testcontainers::bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::ExecCommand;
use testcontainers::core::IntoContainerPort;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

/// Longer than any server takes that comes up at all.
const LONG: Duration = Duration::from_secs(90);
const A_MOMENT: Duration = Duration::from_millis(20);

/// The network of this machine, for a container that shall have no other.
pub const HOST: &str = "host";

/// A container. All that is asked of the engine is asked from the one runtime that lasts.
pub struct Container {
    running: Arc<ContainerAsync<GenericImage>>,
}

impl Container {
    /// Starts it. `ports` are those of the host, each with the one inside that it leads to.
    pub async fn start_new(request: ContainerRequest<GenericImage>, ports: &[(u16, u16)]) -> Self {
        guard::stand();
        let mut request = request.with_label(LABEL, std::process::id().to_string());
        for (outside, inside) in ports {
            request = request.with_mapped_port(*outside, inside.tcp());
        }
        let request = request.with_host_config_modifier(|config| {
            let bindings = config.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
            for binding in bindings.flatten().flatten() {
                binding.host_ip = Some("127.0.0.1".to_owned());
            }
        });
        let running = lasting(async move { request.start().await.map(Arc::new) });
        Self { running: running.await }
    }

    /// Ends it at once, as a crash does. What it has stored stays.
    pub async fn kill(&self) {
        self.signal("SIGKILL").await;
        self.has_ended().await;
    }

    /// Tells it to end, and waits until it has.
    pub async fn stop(&self) {
        let running = self.running.clone();
        lasting(async move { running.stop_with_timeout(Some(60)).await }).await;
    }

    /// Starts it again with what it has stored.
    pub async fn start(&self) {
        let running = self.running.clone();
        lasting(async move { running.start().await }).await;
    }

    /// Stops all its processes where they stand; its connections stay. The first process is stopped
    /// from outside, because no process inside can.
    pub async fn freeze(&self) {
        self.tell_the_others("STOP").await;
        self.signal("SIGSTOP").await;
    }

    /// Lets it go on where it was frozen.
    pub async fn thaw(&self) {
        self.signal("SIGCONT").await;
        self.tell_the_others("CONT").await;
    }

    /// Waits until `ask` answers, for as long as the container runs.
    pub async fn answers<F, T>(&self, ask: impl Fn() -> F + Send + 'static) -> T
    where
        F: Future<Output = Result<T, String>> + Send,
        T: Send + 'static,
    {
        let running = self.running.clone();
        let answered = async move {
            let watch = Stopwatch::start();
            loop {
                let why = match ask().await {
                    Ok(answer) => return Ok(answer),
                    Err(why) => why,
                };
                if watch.elapsed() > LONG || !running.is_running().await.unwrap_or(false) {
                    return Err(format!("it does not answer: {why}\n{}", said(&running).await));
                }
                rest(A_MOMENT).await;
            }
        };
        runtime().spawn(answered).await.unwrap().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Runs a script in it, which must succeed.
    pub async fn run(&self, script: String) {
        let running = self.running.clone();
        // Its status is said with its words: what the engine lends to ask for it is not to be shared.
        let script = format!("( {script} ) 2>&1; echo \"ended with $?\"");
        let ran = async move {
            let mut ran = running.exec(ExecCommand::new(["sh", "-c", &script])).await?;
            ran.stdout_to_vec().await
        };
        let said = String::from_utf8_lossy(&lasting(ran).await).into_owned();
        assert!(said.trim_end().ends_with("ended with 0"), "{said}");
    }

    async fn signal(&self, signal: &'static str) {
        let id = self.running.id().to_owned();
        lasting(async move {
            let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
            let options = KillContainerOptionsBuilder::new().signal(signal).build();
            docker.kill_container(&id, Some(options)).await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// A signal for every process but the first. Where there is no other, nobody takes it.
    async fn tell_the_others(&self, signal: &'static str) {
        let running = self.running.clone();
        let kill = format!("kill -{signal} -1 || true");
        let told = async move {
            let mut told = running.exec(ExecCommand::new(["sh", "-c", &kill])).await?;
            told.stdout_to_vec().await
        };
        lasting(told).await;
    }

    async fn has_ended(&self) {
        let running = self.running.clone();
        let ended = async move {
            while running.is_running().await? {
                rest(A_MOMENT).await;
            }
            Ok::<_, testcontainers::TestcontainersError>(())
        };
        lasting(ended).await;
    }
}

impl Drop for Container {
    /// Nobody waits: a test has better things to do, and there is the guard.
    fn drop(&mut self) {
        let running = self.running.clone();
        runtime().spawn(async move {
            let Ok(docker) = docker_client_instance().await else { return };
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = docker.remove_container(running.id(), Some(options)).await;
        });
    }
}

/// Does something with the engine where its connection lives.
async fn lasting<T, E>(task: impl Future<Output = Result<T, E>> + Send + 'static) -> T
where
    T: Send + 'static,
    E: Debug + Send + 'static,
{
    let done = runtime().spawn(task).await.expect("it does not panic");
    done.unwrap_or_else(|error| panic!("the engine refuses: {error:?}"))
}

/// The last that the server has said.
async fn said(running: &ContainerAsync<GenericImage>) -> String {
    let out = running.stdout_to_vec().await.unwrap_or_default();
    let err = running.stderr_to_vec().await.unwrap_or_default();
    let all = [out, err].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = all.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
