//! `nodectl -k`: views of the kubelet's containers.

use std::io;
use std::time::Duration;

use cli::{Bytes, Exit, Printer, printable};
use serde_json::{Value, json};

use super::error::{Result, UsageError};
use super::node_logs;
use super::process::now_ms;
use super::stdout::data;
use super::table::{DIGEST_CHARS, age, image_name, table};
use crate::args::{Command, Global, InspectArgs, Output, OutputArgs, StatsArgs};
use crate::containerd::Containerd;
use crate::logs::{LogQuery, read};
use crate::node::{
    ContainerStats, Host, MemoryUse, NodeContainer, NodePod, State, collect, collect_with_memory,
    rates, sample, select_pod,
};

pub(super) async fn dispatch(printer: Printer, global: &Global, command: Command) -> Result<Exit> {
    if matches!(
        command,
        Command::Up(_) | Command::Down(_) | Command::Images(_)
    ) {
        let message = "`up`, `down` and `images` are not available with -k, which only reads the \
                       kubelet's containers";
        return Err(UsageError::new(message, Some("omit -k")).into());
    }
    let host = global.host();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    if let Command::Pods(args) = command {
        let (pods, used) = Box::pin(collect_with_memory(&client, &host)).await?;
        return show_pods(printer, &pods, &used, args);
    }
    let pods = Box::pin(collect(&client, &host)).await?;
    match command {
        Command::Ps(args) => ps(printer, &pods, args),
        Command::Inspect(args) => inspect(printer, &host, &pods, &args),
        Command::Stats(args) => stats(printer, &host, pods, &args).await,
        Command::Logs(args) => node_logs::logs(printer, &host, &pods, &args).await,
        Command::Pods(_) | Command::Up(_) | Command::Down(_) | Command::Images(_) => {
            unreachable!("shown or refused above")
        }
    }
}

fn select<'a>(pods: &'a [NodePod], word: &str) -> Result<&'a NodePod> {
    Ok(select_pod(pods, word)?)
}

fn ps(printer: Printer, pods: &[NodePod], args: OutputArgs) -> Result<Exit> {
    let all = || {
        pods.iter()
            .flat_map(|pod| pod.current().map(move |container| (pod, container)))
    };
    if args.output == Output::Json {
        let containers: Vec<_> = all()
            .map(|(pod, container)| container_json(pod, container))
            .collect();
        data(
            printer,
            &json!({"containers": containers, "schema_version": 1}).to_string(),
        )?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = all()
        .map(|(pod, container)| {
            vec![
                pod.namespace.clone(),
                pod.name.clone(),
                container.name.clone(),
                state(container),
                container.restarts.to_string(),
                age_of(container.created_unix),
                container
                    .pid
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
                short(&container.id),
                image(container),
            ]
        })
        .collect();
    let header = [
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "STATE",
        "RESTARTS",
        "AGE",
        "PID",
        "ID",
        "IMAGE",
    ];
    print(printer, &header, &rows)
}

fn container_json(pod: &NodePod, container: &NodeContainer) -> Value {
    let mut value = serde_json::to_value(container).unwrap_or_default();
    value["namespace"] = json!(pod.namespace);
    value["pod"] = json!(pod.name);
    value["pod_ip"] = json!(pod.ip);
    value["pod_uid"] = json!(pod.uid);
    value
}

/// The pods, each with the memory of its running containers.
fn show_pods(
    printer: Printer,
    pods: &[NodePod],
    used: &[MemoryUse],
    args: OutputArgs,
) -> Result<Exit> {
    let memory = |pod: &NodePod| -> u64 {
        // Matched by container: a stopped pod may have a successor with the same name.
        let mine = used_by(pod, used);
        mine.map(|one| one.memory.working_set_bytes).sum()
    };
    if args.output == Output::Json {
        let pods: Vec<_> = pods
            .iter()
            .map(|pod| {
                let mut value = serde_json::to_value(pod).unwrap_or_default();
                value["memory_working_set_bytes"] = json!(memory(pod));
                value["problem"] = json!(problem(pod, used));
                value
            })
            .collect();
        data(
            printer,
            &json!({"pods": pods, "schema_version": 1}).to_string(),
        )?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = pods
        .iter()
        .map(|pod| {
            let running = pod
                .current()
                .filter(|one| one.state == State::Running)
                .count();
            vec![
                pod.namespace.clone(),
                pod.name.clone(),
                format!("{running}/{}", pod.current().count()),
                pod.sandbox_state.as_str().to_owned(),
                pod.restarts().to_string(),
                age_of(pod.created_unix),
                if pod.ip.is_empty() {
                    "-".to_owned()
                } else {
                    pod.ip.clone()
                },
                Bytes(memory(pod)).to_string(),
                problem(pod, used).unwrap_or_default(),
            ]
        })
        .collect();
    let header = [
        "NAMESPACE",
        "POD",
        "RUNNING",
        "SANDBOX",
        "RESTARTS",
        "AGE",
        "IP",
        "MEMORY",
        "PROBLEM",
    ];
    print(printer, &header, &rows)
}

fn used_by<'a>(pod: &'a NodePod, used: &'a [MemoryUse]) -> impl Iterator<Item = &'a MemoryUse> {
    let ids = || pod.containers.iter().map(|container| &container.id);
    used.iter().filter(move |one| ids().any(|id| *id == one.id))
}

/// The problem of a pod, including an OOM-killed child process, which only the cgroup counts while its
/// container keeps running.
fn problem(pod: &NodePod, used: &[MemoryUse]) -> Option<String> {
    pod.problem().or_else(|| {
        let killed = used_by(pod, used).find(|one| one.memory.oom_kills > 0)?;
        let kills = killed.memory.oom_kills;
        Some(format!(
            "{}: OOM kills inside it: {kills}",
            killed.container
        ))
    })
}

/// How many of a failed container's last lines `inspect` shows.
const LAST_LINES: usize = 5;

fn last_lines(host: &Host, container: &NodeContainer) -> Vec<String> {
    let mut lines = Vec::new();
    let query = LogQuery {
        tail: Some(LAST_LINES),
        ..LogQuery::default()
    };
    // A missing log has no lines.
    let _ = read(&host.path(&container.log_path), query, |line| {
        lines.push(String::from_utf8_lossy(&line.text).into_owned());
        Ok::<_, io::Error>(())
    });
    lines
}

fn inspect(printer: Printer, host: &Host, pods: &[NodePod], args: &InspectArgs) -> Result<Exit> {
    let pod = select(pods, &args.pod)?;
    let used = sample(host, std::slice::from_ref(pod));
    let memory_used: Vec<_> = used.iter().map(MemoryUse::from).collect();
    let problem = || problem(pod, &memory_used);
    let stats_of = |container: &NodeContainer| used.iter().find(|one| one.id == container.id);
    if args.output == Output::Json {
        let mut value = serde_json::to_value(pod).unwrap_or_default();
        value["schema_version"] = json!(1);
        value["problem"] = json!(problem());
        for (container, json) in pod
            .containers
            .iter()
            .zip(value["containers"].as_array_mut().into_iter().flatten())
        {
            json["stats"] = json!(stats_of(container).map(|one| one.cgroup));
            json["last_lines"] = json!(last_lines(host, container));
        }
        data(printer, &value.to_string())?;
        return Ok(Exit::Ok);
    }
    let pair = |name: &str, value: &str| {
        if value.is_empty() {
            Ok(())
        } else {
            data(printer, &format!("{name:<12} {}", printable(value)))
        }
    };
    pair("Pod", &format!("{}/{}", pod.namespace, pod.name))?;
    pair("UID", &pod.uid)?;
    pair("Problem", &problem().unwrap_or_else(|| "none".to_owned()))?;
    pair("IP", &pod.ip)?;
    pair(
        "Sandbox",
        &format!("{} ({})", pod.sandbox_id, pod.sandbox_state.as_str()),
    )?;
    pair("Network", &pod.netns)?;
    let labels: Vec<_> = pod
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pair("Labels", &labels.join(", "))?;
    for container in &pod.containers {
        let which = if container.current {
            ""
        } else {
            " (earlier start)"
        };
        data(printer, "")?;
        pair("Container", &format!("{}{which}", container.name))?;
        pair("  ID", &container.id)?;
        pair("  State", &state(container))?;
        pair("  Restarts", &container.restarts.to_string())?;
        pair("  Image", &container.image)?;
        pair("  Digest", &container.image_digest)?;
        pair(
            "  Process",
            &container.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        )?;
        if let Some(stats) = stats_of(container) {
            pair("  Memory", &memory_text(stats))?;
            if stats.cgroup.memory.oom_kills > 0 {
                pair("  OOM kills", &stats.cgroup.memory.oom_kills.to_string())?;
            }
        }
        pair("  Reason", &container.reason)?;
        pair("  Message", &container.message)?;
        pair("  Log", &container.log_path)?;
        if container.problem().is_some() {
            for line in last_lines(host, container) {
                data(printer, &format!("    | {}", printable(&line)))?;
            }
        }
    }
    Ok(Exit::Ok)
}

async fn stats(
    printer: Printer,
    host: &Host,
    pods: Vec<NodePod>,
    args: &StatsArgs,
) -> Result<Exit> {
    let mut chosen = Vec::new();
    for word in &args.pods {
        chosen.push(select(&pods, word)?.clone());
    }
    let pods = if args.pods.is_empty() { pods } else { chosen };
    let first = sample(host, &pods);
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(args.interval.into())).await;
    let second = sample(host, &pods);
    let used = rates(&first, second, began.elapsed());
    if args.output == Output::Json {
        data(
            printer,
            &json!({"schema_version": 1, "stats": used}).to_string(),
        )?;
        return Ok(Exit::Ok);
    }
    let number = |value: Option<u64>, unit: &str| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value}{unit}"))
    };
    let rows: Vec<_> = used
        .iter()
        .map(|one| {
            let network = |of: fn(&crate::node::Network) -> u64| {
                one.network
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |network| Bytes(of(network)).to_string())
            };
            vec![
                one.namespace.clone(),
                one.pod.clone(),
                one.container.clone(),
                number(one.cpu_millicores, "m"),
                number(one.throttled_permille.map(|permille| permille / 10), "%"),
                memory_text(one),
                one.cgroup.pids.to_string(),
                network(|network| network.rx_bytes),
                network(|network| network.tx_bytes),
            ]
        })
        .collect();
    let header = [
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "CPU",
        "THROTTLED",
        "MEMORY",
        "PIDS",
        "RECEIVED",
        "SENT",
    ];
    print(printer, &header, &rows)
}

fn memory_text(stats: &ContainerStats) -> String {
    let used = Bytes(stats.cgroup.memory.working_set_bytes).to_string();
    match stats.cgroup.memory_limit_bytes {
        Some(limit) => format!("{used} / {}", Bytes(limit)),
        None => used,
    }
}

fn state(container: &NodeContainer) -> String {
    match container.exit_code {
        Some(code) if !container.reason.is_empty() => {
            format!("exited ({code}, {})", container.reason)
        }
        Some(code) => format!("exited ({code})"),
        None => container.state.as_str().to_owned(),
    }
}

fn image(container: &NodeContainer) -> String {
    let name = image_name(&container.image);
    let digest = container.image_digest.trim_start_matches("sha256:");
    // The name may contain the digest already.
    if container.image.contains(digest) {
        return name;
    }
    let short: String = digest.chars().take(DIGEST_CHARS).collect();
    format!("{name} ({short})")
}

fn short(id: &str) -> String {
    id.chars().take(13).collect()
}

fn age_of(created_unix: Option<i64>) -> String {
    created_unix.map_or_else(|| "-".to_owned(), |created| age(now_ms() / 1000 - created))
}

fn print(printer: Printer, header: &[&str], rows: &[Vec<String>]) -> Result<Exit> {
    data(printer, &table(header, rows).join("\n"))?;
    Ok(Exit::Ok)
}
