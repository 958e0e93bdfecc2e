//! Decides which pods to create and delete: the Deployment controller as a pure function.
//!
//! The arithmetic is that of Kubernetes' rolling update
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>):
//! never more than `replicas + max_surge` pods, never fewer than `replicas - max_unavailable`
//! available ones because of the controller's actions. Terminating pods count as deleted.

/// The desired state of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredState {
    /// The Deployment (`namespace/name`).
    pub deployment: String,
    /// The hash of the template that its pods are created from.
    pub hash: String,
    /// How many pods it has.
    pub replicas: u32,
    /// How many pods may exist above `replicas` during an update.
    pub max_surge: u32,
    /// How many pods may be missing from `replicas` during an update.
    pub max_unavailable: u32,
    /// Whether all old pods are deleted before the first new one is created.
    pub recreate: bool,
}

/// The observed state of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its Deployment (`namespace/name`).
    pub deployment: String,
    /// The hash of the template that it was created from.
    pub hash: String,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// Whether its containers are ready.
    pub ready: bool,
    /// Whether it has been ready for its Deployment's `minReadySeconds`.
    pub available: bool,
    /// Whether it is terminating.
    pub terminating: bool,
}

/// A step towards the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create a pod from this Deployment's template.
    Create {
        /// The Deployment.
        deployment: String,
    },
    /// Delete a pod.
    Delete {
        /// The pod.
        name: String,
    },
}

/// The next actions; none if the observed state is the desired one.
pub fn plan(all: &[DesiredState], pods: &[PodView]) -> Vec<Action> {
    let mut actions = Vec::new();
    for pod in pods {
        let desired = all.iter().any(|one| one.deployment == pod.deployment);
        if !desired && !pod.terminating {
            actions.push(Action::Delete {
                name: pod.name.clone(),
            });
        }
    }
    for desired in all {
        plan_deployment(desired, pods, &mut actions);
    }
    actions
}

fn plan_deployment(desired: &DesiredState, pods: &[PodView], actions: &mut Vec<Action>) {
    let pods = pods
        .iter()
        .filter(|pod| pod.deployment == desired.deployment);
    let (terminating, alive): (Vec<_>, Vec<_>) = pods.partition(|pod| pod.terminating);
    let (mut new, mut old): (Vec<_>, Vec<_>) =
        alive.into_iter().partition(|pod| pod.hash == desired.hash);
    let replicas = desired.replicas as usize;
    let total = new.len() + old.len();

    // After a scale-down: those that are not available first, then the youngest.
    if new.len() > replicas {
        new.sort_by_key(|pod| (pod.available, pod.ready, std::cmp::Reverse(pod.created_ms)));
        let surplus = new.len() - replicas;
        actions.extend(new.drain(..surplus).map(delete));
    }

    let missing = replicas.saturating_sub(new.len());
    let is_new = |pod: &&PodView| pod.hash == desired.hash;
    let waits = desired.recreate && !(old.is_empty() && terminating.iter().all(is_new));
    let room = (replicas + desired.max_surge as usize).saturating_sub(total);
    let creations = if waits { 0 } else { missing.min(room) };
    let create = || Action::Create {
        deployment: desired.deployment.clone(),
    };
    actions.extend(std::iter::repeat_with(create).take(creations));

    if old.is_empty() {
        return;
    }
    let min_available = replicas.saturating_sub(desired.max_unavailable as usize);
    let new_unavailable = new.iter().filter(|pod| !pod.available).count();
    let available = new.iter().chain(&old).filter(|pod| pod.available).count();
    // Unavailable old pods are deleted first, but never so many that the rest could not reach the minimum;
    // then as many available ones as the minimum allows.
    old.sort_by_key(|pod| (pod.available, pod.ready, pod.created_ms));
    let (broken, serving): (Vec<_>, Vec<_>) = old.into_iter().partition(|pod| !pod.available);
    let spare =
        (new.len() + broken.len() + serving.len()).saturating_sub(min_available + new_unavailable);
    let removed = broken.len().min(spare);
    actions.extend(broken.into_iter().take(removed).map(delete));
    let spare = available.saturating_sub(min_available).min(serving.len());
    actions.extend(serving.into_iter().take(spare).map(delete));
}

fn delete(pod: &PodView) -> Action {
    Action::Delete {
        name: pod.name.clone(),
    }
}
