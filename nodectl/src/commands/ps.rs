//! `nodectl ps`.

use cli::{Exit, Printer};
use serde_json::{Value, json};

use super::edge::now_ms;
use super::error::Result;
use super::table::{age, table};
use crate::args::{Global, Output, OutputArgs};
use crate::containerd::Containerd;
use crate::play::{Instance, Observed, ObservedContainer, Waiting, observe, oom_killed};

pub(super) async fn ps(printer: Printer, global: &Global, args: OutputArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let (pods, _) = observe(&client, &instance.id).await?;
    let view = View {
        pods: with_waiting(pods, Waiting::load(&instance)),
        instance,
    };
    match args.output {
        Output::Text => {
            for line in view.table() {
                printer.data(&line)?;
            }
        }
        Output::Json => {
            let pods: Vec<_> = view.pods.iter().map(|pod| view.pod_json(pod)).collect();
            printer.data(&json!({"pods": pods, "schema_version": 1}).to_string())?;
        }
    }
    Ok(Exit::Ok)
}

/// A pod with the containers that containerd has, and those that `up` waits to start.
struct Pod {
    seen: Observed,
    waiting: Vec<Waiting>,
}

fn with_waiting(pods: Vec<Observed>, mut all: Vec<Waiting>) -> Vec<Pod> {
    let mut merged: Vec<_> = pods
        .into_iter()
        .map(|seen| {
            let of_pod = |one: &mut Waiting| one.record.uid == seen.record.uid;
            let waiting = all.extract_if(.., of_pod).collect();
            Pod { seen, waiting }
        })
        .collect();
    for one in all {
        match merged
            .iter_mut()
            .find(|pod| pod.seen.record.uid == one.record.uid)
        {
            Some(pod) => pod.waiting.push(one),
            None => merged.push(Pod {
                seen: Observed {
                    record: one.record.clone(),
                    containers: Vec::new(),
                },
                waiting: vec![one],
            }),
        }
    }
    merged.sort_by(|one, other| one.seen.record.name.cmp(&other.seen.record.name));
    merged
}

impl Pod {
    /// Why a container does not run, if `up` knows.
    fn reason(&self, container: &str) -> Option<&str> {
        let waiting = self.waiting.iter().find(|one| one.container == container);
        waiting?.reason.as_deref()
    }

    /// Containers that containerd does not have.
    fn missing(&self) -> impl Iterator<Item = &Waiting> {
        let seen = |one: &&Waiting| {
            let mut containers = self.seen.containers.iter();
            !containers.any(|container| container.name == one.container)
        };
        self.waiting.iter().filter(seen)
    }
}

/// What is shown.
struct View {
    pods: Vec<Pod>,
    instance: Instance,
}

const HEADER: [&str; 10] = [
    "NAMESPACE",
    "POD",
    "CONTAINER",
    "STATE",
    "RESTARTS",
    "AGE",
    "IP",
    "PID",
    "IMAGE",
    "REASON",
];

impl View {
    fn table(&self) -> Vec<String> {
        let mut header = HEADER.to_vec();
        let mut rows: Vec<_> = self.pods.iter().flat_map(|pod| self.rows(pod)).collect();
        if rows.iter().all(|row| row[HEADER.len() - 1].is_empty()) {
            header.pop();
            for row in &mut rows {
                row.pop();
            }
        }
        if has_one_namespace(&self.pods) {
            header.remove(0);
            for row in &mut rows {
                row.remove(0);
            }
        }
        table(&header, &rows)
    }

    fn rows(&self, pod: &Pod) -> Vec<Vec<String>> {
        let record = &pod.seen.record;
        let row = |name: &str, [state, restarts, age, pid]: [String; 4], reason: &str| {
            vec![
                record.namespace.clone(),
                record.name.clone(),
                name.to_owned(),
                state,
                restarts,
                age,
                record.address.to_string(),
                pid,
                image(&pod.seen, name).to_owned(),
                reason.to_owned(),
            ]
        };
        let now = now_ms() / 1000;
        let seen = pod.seen.containers.iter().map(|one| {
            let cells = [
                self.state(&pod.seen, one),
                one.restarts.to_string(),
                age(now - one.created_at.unwrap_or_default()),
                one.pid()
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            ];
            row(&one.name, cells, pod.reason(&one.name).unwrap_or_default())
        });
        let missing = pod.missing().map(|one| {
            let cells = [
                one.state.clone(),
                one.restarts.to_string(),
                age(now - record.created_ms / 1000),
                "-".to_owned(),
            ];
            row(
                &one.container,
                cells,
                one.reason.as_deref().unwrap_or_default(),
            )
        });
        seen.chain(missing).collect()
    }

    fn state(&self, pod: &Observed, container: &ObservedContainer) -> String {
        match &container.process {
            None => "created".to_owned(),
            Some(process) => match process.exit {
                Some(_) if self.oom_killed(pod, container) => "OOMKilled".to_owned(),
                Some(exit) => format!("exited ({})", exit.code),
                None => process.state.as_str().to_owned(),
            },
        }
    }

    /// Its cgroup is there until the container is deleted.
    fn oom_killed(&self, pod: &Observed, container: &ObservedContainer) -> bool {
        let exit = container.process.and_then(|process| process.exit);
        let path = pod.record.container_cgroup(&self.instance, &container.id);
        exit.is_some_and(|exit| exit.code == 137) && oom_killed(&path)
    }

    fn pod_json(&self, pod: &Pod) -> Value {
        let seen = pod.seen.containers.iter().map(|one| {
            let reason = pod.reason(&one.name).map(str::to_owned);
            let oom = self.oom_killed(&pod.seen, one);
            json!({
                "created_unix": one.created_at,
                "exit_code": one.process.and_then(|process| process.exit).map(|exit| exit.code),
                "id": one.id,
                "image": image(&pod.seen, &one.name),
                "name": one.name,
                "pid": one.pid(),
                "reason": reason.or_else(|| oom.then(|| "OOMKilled".to_owned())),
                "restarts": one.restarts,
                "state": one.process.map_or("created", |process| process.state.as_str()),
            })
        });
        let missing = pod.missing().map(|one| {
            json!({
                "created_unix": null,
                "exit_code": null,
                "id": null,
                "image": image(&pod.seen, &one.container),
                "name": one.container,
                "pid": null,
                "reason": one.reason.as_ref().unwrap_or(&one.state),
                "restarts": one.restarts,
                "state": "waiting",
            })
        });
        let record = &pod.seen.record;
        json!({
            "containers": seen.chain(missing).collect::<Vec<_>>(),
            "created_unix_ms": record.created_ms,
            "deployment": record.deployment,
            "ip": record.address,
            "name": record.name,
            "namespace": record.namespace,
            "pod_template_hash": record.hash,
            "uid": record.uid,
        })
    }
}

/// Whether all pods are in one namespace, so that its column would say nothing.
fn has_one_namespace(pods: &[Pod]) -> bool {
    let mut namespaces = pods.iter().map(|pod| &pod.seen.record.namespace);
    let first = namespaces.next();
    namespaces.all(|other| Some(other) == first)
}

fn image<'a>(pod: &'a Observed, container: &str) -> &'a str {
    let specs = &pod.record.template.spec.containers;
    specs
        .iter()
        .find(|spec| *spec.name == *container)
        .map_or("", |spec| &spec.image)
}
