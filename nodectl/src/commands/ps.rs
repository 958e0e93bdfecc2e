//! `nodectl ps`.

use cli::{Exit, Printer};
use serde_json::{Value, json};

use super::edge::now_ms;
use super::error::Result;
use super::table::{age, table};
use crate::args::{Global, Output, OutputArgs};
use crate::containerd::{Containerd, TaskState};
use crate::play::{Observed, ObservedContainer, observe};

pub(super) async fn ps(printer: Printer, global: &Global, args: OutputArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let (pods, _) = observe(&client, &instance.id).await?;
    match args.output {
        Output::Text => {
            let mut rows: Vec<_> = pods
                .iter()
                .flat_map(|pod| pod.containers.iter().map(|one| row(pod, one)))
                .collect();
            let mut header = vec![
                "NAMESPACE",
                "POD",
                "CONTAINER",
                "STATE",
                "RESTARTS",
                "AGE",
                "IP",
                "PID",
                "IMAGE",
            ];
            if has_one_namespace(&pods) {
                header.remove(0);
                for row in &mut rows {
                    row.remove(0);
                }
            }
            for line in table(&header, &rows) {
                printer.data(&line)?;
            }
        }
        Output::Json => {
            let pods: Vec<_> = pods.iter().map(pod_json).collect();
            printer.data(&json!({"pods": pods, "schema_version": 1}).to_string())?;
        }
    }
    Ok(Exit::Ok)
}

/// A column with one value tells nothing.
fn has_one_namespace(pods: &[Observed]) -> bool {
    let mut namespaces = pods.iter().map(|pod| &pod.record.namespace);
    let first = namespaces.next();
    namespaces.all(|other| Some(other) == first)
}

fn state(container: &ObservedContainer) -> String {
    match &container.process {
        None => "made".to_owned(),
        Some(process) => match process.exit {
            Some(exit) => format!("exited ({})", exit.code),
            None => process.state.as_str().to_owned(),
        },
    }
}

fn image<'a>(pod: &'a Observed, container: &ObservedContainer) -> &'a str {
    let specs = &pod.record.template.spec.containers;
    specs
        .iter()
        .find(|spec| spec.name == container.name)
        .map_or("", |spec| &spec.image)
}

fn pid(container: &ObservedContainer) -> Option<u32> {
    let running = |state| matches!(state, TaskState::Running | TaskState::Paused);
    container
        .process
        .filter(|process| running(process.state))
        .map(|process| process.pid)
}

fn row(pod: &Observed, container: &ObservedContainer) -> Vec<String> {
    let created = container.created_at.unwrap_or_default();
    vec![
        pod.record.namespace.clone(),
        pod.record.name.clone(),
        container.name.clone(),
        state(container),
        container.restarts.to_string(),
        age(now_ms() / 1000 - created),
        pod.record.address.to_string(),
        pid(container).map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        image(pod, container).to_owned(),
    ]
}

fn pod_json(pod: &Observed) -> Value {
    let container = |one: &ObservedContainer| {
        json!({
            "created_unix": one.created_at,
            "exit_code": one.process.and_then(|process| process.exit).map(|exit| exit.code),
            "id": one.id,
            "image": image(pod, one),
            "name": one.name,
            "pid": pid(one),
            "restarts": one.restarts,
            "state": one.process.map_or("made", |process| process.state.as_str()),
        })
    };
    json!({
        "containers": pod.containers.iter().map(container).collect::<Vec<_>>(),
        "created_unix_ms": pod.record.created_ms,
        "deployment": pod.record.deployment,
        "ip": pod.record.address,
        "name": pod.record.name,
        "namespace": pod.record.namespace,
        "pod_template_hash": pod.record.hash,
        "uid": pod.record.uid,
    })
}
