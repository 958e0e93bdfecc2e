//! `nodectl ps`.

use cli::{Exit, Printer};
use serde_json::{Value, json};

use super::error::Result;
use super::process::now_ms;
use super::stdout::data;
use super::table::{age, image_name, table_of_pods};
use crate::args::{Global, Output, OutputArgs};
use crate::containerd::Containerd;
use crate::play::{
    ContainerState, ContainerStatus, Instance, Observed, ObservedContainer, PodRow, PodStatus,
    observe_expected, oom_killed, reported,
};

pub(super) async fn ps(printer: Printer, global: &Global, args: OutputArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let reported = reported::load(&instance).unwrap_or_default();
    let expected: Vec<_> = reported.iter().flat_map(PodRow::container_ids).collect();
    let (pods, _) = observe_expected(&client, &instance.id, &expected).await?;
    let view = View {
        pods: with_reported(pods, reported),
        instance,
    };
    match args.output {
        Output::Text => data(printer, &view.table().join("\n"))?,
        Output::Json => {
            let pods: Vec<_> = view.pods.iter().map(|pod| view.pod_json(pod)).collect();
            data(
                printer,
                &json!({"pods": pods, "schema_version": 1}).to_string(),
            )?;
        }
    }
    Ok(Exit::Ok)
}

/// A pod with its containers in containerd, and the status that a running `up` reports.
struct Pod {
    seen: Observed,
    reported: Option<PodStatus>,
}

fn with_reported(pods: Vec<Observed>, mut rows: Vec<PodRow>) -> Vec<Pod> {
    let mut merged: Vec<_> = pods
        .into_iter()
        .map(|seen| {
            let of_pod = |row: &mut PodRow| row.record.uid == seen.record.uid;
            let reported = rows.extract_if(.., of_pod).next().map(|row| row.status);
            Pod { seen, reported }
        })
        .collect();
    merged.extend(rows.into_iter().map(|row| Pod {
        seen: Observed {
            record: row.record,
            containers: Vec::new(),
        },
        reported: Some(row.status),
    }));
    // containerd has nothing of one that was removed a moment ago.
    merged.retain(|pod| !pod.seen.containers.is_empty() || pod.missing().next().is_some());
    merged.sort_by(|one, other| one.seen.record.name.cmp(&other.seen.record.name));
    merged
}

impl Pod {
    /// What `up` reports of the last start of a container.
    fn status(&self, container: &str) -> Option<&ContainerStatus> {
        let mut all = self.reported.as_ref()?.containers.iter();
        all.find(|status| status.name == container)
    }

    /// Whether a container is ready: only the `up` that runs probes it.
    fn ready(&self, container: &ObservedContainer) -> Option<bool> {
        let status = self.status(&container.name)?;
        Some(status.ready && status.restarts == container.restarts)
    }

    /// Why a container does not run or is not ready, if `up` knows.
    fn reason(&self, container: &ObservedContainer) -> Option<&str> {
        let status = self.status(&container.name)?;
        status.reason.as_deref().or(match &status.state {
            // A running one has been started since.
            ContainerState::Waiting(state) if container.pid().is_none() => Some(state),
            _ => None,
        })
    }

    /// Containers that wait to be started and that containerd does not have, each with why it waits.
    fn missing(&self) -> impl Iterator<Item = (&ContainerStatus, &str)> {
        let all = self.reported.iter().flat_map(|status| &status.containers);
        all.filter_map(|status| {
            let ContainerState::Waiting(state) = &status.state else {
                return None;
            };
            let mut seen = self.seen.containers.iter();
            let missing = !seen.any(|container| container.name == status.name);
            missing.then_some((status, state.as_str()))
        })
    }
}

/// The pods to print.
struct View {
    pods: Vec<Pod>,
    instance: Instance,
}

const HEADER: [&str; 11] = [
    "NAMESPACE",
    "POD",
    "CONTAINER",
    "READY",
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
        table_of_pods(&header, &rows)
    }

    fn rows(&self, pod: &Pod) -> Vec<Vec<String>> {
        let record = &pod.seen.record;
        let row =
            |name: &str, [ready, state, restarts, age, pid]: [String; 5], reason: Option<&str>| {
                vec![
                    record.namespace.clone(),
                    record.name.clone(),
                    name.to_owned(),
                    ready,
                    state,
                    restarts,
                    age,
                    record.address.to_string(),
                    pid,
                    image_name(image(&pod.seen, name)),
                    reason.unwrap_or_default().to_owned(),
                ]
            };
        let now = now_ms() / 1000;
        let seen = pod.seen.containers.iter().map(|one| {
            let cells = [
                yes_or_no(pod.ready(one)).to_owned(),
                self.state(&pod.seen, one),
                one.restarts.to_string(),
                age(now - one.created_at.unwrap_or_default()),
                one.pid()
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            ];
            row(&one.name, cells, pod.reason(one))
        });
        let missing = pod.missing().map(|(status, state)| {
            let cells = [
                yes_or_no(Some(false)).to_owned(),
                state.to_owned(),
                status.restarts.to_string(),
                age(now - record.created_ms / 1000),
                "-".to_owned(),
            ];
            row(&status.name, cells, status.reason.as_deref())
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

    /// Whether it was OOM-killed, by its cgroup, which exists until the container is deleted.
    fn oom_killed(&self, pod: &Observed, container: &ObservedContainer) -> bool {
        let exit = container.process.and_then(|process| process.exit);
        let path = pod.record.container_cgroup(&self.instance, &container.id);
        exit.is_some_and(|exit| exit.code == 137) && oom_killed(&path)
    }

    fn pod_json(&self, pod: &Pod) -> Value {
        let seen = pod.seen.containers.iter().map(|one| {
            let reason = pod.reason(one).map(str::to_owned);
            let oom = self.oom_killed(&pod.seen, one);
            json!({
                "created_unix": one.created_at,
                "exit_code": one.process.and_then(|process| process.exit).map(|exit| exit.code),
                "id": one.id,
                "image": image(&pod.seen, &one.name),
                "name": one.name,
                "pid": one.pid(),
                "ready": pod.ready(one),
                "reason": reason.or_else(|| oom.then(|| "OOMKilled".to_owned())),
                "restarts": one.restarts,
                "state": one.process.map_or("created", |process| process.state.as_str()),
            })
        });
        let missing = pod.missing().map(|(status, state)| {
            json!({
                "created_unix": null,
                "exit_code": null,
                "id": null,
                "image": image(&pod.seen, &status.name),
                "name": status.name,
                "pid": null,
                "ready": false,
                "reason": status.reason.as_deref().unwrap_or(state),
                "restarts": status.restarts,
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
            "ready": pod.reported.as_ref().map(PodStatus::ready),
            "uid": record.uid,
        })
    }
}

fn yes_or_no(ready: Option<bool>) -> &'static str {
    match ready {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn image<'a>(pod: &'a Observed, container: &str) -> &'a str {
    let specs = &pod.record.template.spec.containers;
    specs
        .iter()
        .find(|spec| *spec.name == *container)
        .map_or("", |spec| &spec.image)
}
