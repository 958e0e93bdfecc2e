//! Which pods to create and which to delete: the Deployment controller as a plain function.
//!
//! The arithmetic is that of Kubernetes' rolling update
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>):
//! never more than `replicas + max_surge` pods, never fewer than `replicas - max_unavailable`
//! available ones by the controller's own doing. Pods that are terminating count as gone.

/// A Deployment as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which Deployment (`namespace/name`).
    pub deployment: String,
    /// The template its pods are to have.
    pub hash: String,
    /// How many pods.
    pub replicas: u32,
    /// Pods above `replicas` during an update.
    pub max_surge: u32,
    /// Pods below `replicas` during an update.
    pub max_unavailable: u32,
    /// Old pods are all gone before the first new one is created.
    pub recreate: bool,
}

/// A pod as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its Deployment (`namespace/name`).
    pub deployment: String,
    /// The template it was created from.
    pub hash: String,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// It passes its probes.
    pub ready: bool,
    /// It has been ready for as long as its Deployment asks.
    pub available: bool,
    /// It is terminating.
    pub terminating: bool,
}

/// A step towards what is desired.
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

/// The actions to take now: none if everything is as desired.
pub fn plan(wants: &[Want], pods: &[PodView]) -> Vec<Action> {
    let mut actions = Vec::new();
    for pod in pods {
        let wanted = wants.iter().any(|want| want.deployment == pod.deployment);
        if !wanted && !pod.terminating {
            actions.push(Action::Delete {
                name: pod.name.clone(),
            });
        }
    }
    for want in wants {
        one(want, pods, &mut actions);
    }
    actions
}

fn one(want: &Want, pods: &[PodView], actions: &mut Vec<Action>) {
    let mine = pods.iter().filter(|pod| pod.deployment == want.deployment);
    let (ending, alive): (Vec<_>, Vec<_>) = mine.partition(|pod| pod.terminating);
    let (mut new, mut old): (Vec<_>, Vec<_>) =
        alive.into_iter().partition(|pod| pod.hash == want.hash);
    let replicas = want.replicas as usize;
    let total = new.len() + old.len();

    // Too many of the right kind: those go that are worth least, the youngest first.
    if new.len() > replicas {
        new.sort_by_key(|pod| (pod.available, pod.ready, std::cmp::Reverse(pod.created_ms)));
        let surplus = new.len() - replicas;
        actions.extend(new.drain(..surplus).map(delete));
    }

    let missing = replicas.saturating_sub(new.len());
    let waits = want.recreate && !(old.is_empty() && ending.iter().all(|p| p.hash == want.hash));
    let room = (replicas + want.max_surge as usize).saturating_sub(total);
    let creations = if waits { 0 } else { missing.min(room) };
    let create = || Action::Create {
        deployment: want.deployment.clone(),
    };
    actions.extend(std::iter::repeat_with(create).take(creations));

    if old.is_empty() {
        return;
    }
    let min_available = replicas.saturating_sub(want.max_unavailable as usize);
    let new_unavailable = new.iter().filter(|pod| !pod.available).count();
    let available = new.iter().chain(&old).filter(|pod| pod.available).count();
    // Old pods that serve nobody go first, but never so many that what is left could not reach the
    // minimum; then as many that do serve as the minimum allows.
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
