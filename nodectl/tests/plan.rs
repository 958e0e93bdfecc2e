//! The Deployment controller's plan over thousands of generated histories.

use nodectl::play::{Action, DesiredState, PodView, plan};
use proptest::prelude::*;

/// What happens between two rounds.
#[derive(Clone, Debug)]
enum Change {
    /// A pod passes its probes and becomes available.
    Ready(usize),
    /// A pod fails its probes.
    Unready(usize),
    /// A pod is gone, and the controller did not delete it.
    Lost(usize),
    /// Pods that were terminating are gone.
    Terminated,
    /// The manifest changes.
    Changed(DesiredState),
}

fn a_desired_state() -> impl Strategy<Value = DesiredState> {
    let hash = prop::sample::select(vec!["one", "two", "three"]);
    (
        0_u32..8,
        hash,
        0_u32..4,
        0_u32..4,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(replicas, hash, max_surge, max_unavailable, recreate)| DesiredState {
                deployment: "default/web".to_owned(),
                hash: hash.to_owned(),
                replicas,
                max_surge: if recreate { 0 } else { max_surge },
                // Manifests with both 0 are refused.
                max_unavailable: match (recreate, max_surge, max_unavailable) {
                    (true, ..) => replicas.max(1),
                    (false, 0, 0) => 1,
                    _ => max_unavailable,
                },
                recreate,
            },
        )
}

fn a_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0_usize..16).prop_map(Change::Ready),
        2 => (0_usize..16).prop_map(Change::Unready),
        1 => (0_usize..16).prop_map(Change::Lost),
        3 => Just(Change::Terminated),
        1 => a_desired_state().prop_map(Change::Changed),
    ]
}

#[derive(Debug, Default)]
struct World {
    pods: Vec<PodView>,
    created: u32,
}

impl World {
    fn alive(&self) -> impl Iterator<Item = &PodView> {
        self.pods.iter().filter(|pod| !pod.terminating)
    }

    fn available(&self) -> usize {
        self.alive().filter(|pod| pod.available).count()
    }

    fn set_ready(&mut self, at: usize, ready: bool) {
        if let Some(pod) = self.pods.get_mut(at).filter(|pod| !pod.terminating) {
            (pod.ready, pod.available) = (ready, ready);
        }
    }

    fn apply(&mut self, change: &Change, desired: &mut DesiredState) {
        match change {
            Change::Ready(at) => self.set_ready(*at, true),
            Change::Unready(at) => self.set_ready(*at, false),
            Change::Lost(at) if *at < self.pods.len() => drop(self.pods.remove(*at)),
            Change::Lost(_) => {}
            Change::Terminated => self.pods.retain(|pod| !pod.terminating),
            Change::Changed(other) => desired.clone_from(other),
        }
    }

    /// One round of the controller, which must keep every invariant.
    fn round(&mut self, desired: &DesiredState) -> Result<usize, TestCaseError> {
        let before = self.alive().count();
        let available_before = self.available();
        let actions = plan(std::slice::from_ref(desired), &self.pods);
        for action in &actions {
            match action {
                Action::Create { deployment } => {
                    prop_assert_eq!(deployment, &desired.deployment);
                    self.created += 1;
                    self.pods.push(PodView {
                        name: format!("web-{}", self.created),
                        deployment: deployment.clone(),
                        hash: desired.hash.clone(),
                        created_ms: self.created.into(),
                        ready: false,
                        available: false,
                        terminating: false,
                    });
                }
                Action::Delete { name } => {
                    let pod = self.pods.iter_mut().find(|pod| pod.name == *name);
                    let pod = pod.ok_or_else(|| TestCaseError::fail("deleted an unknown pod"))?;
                    prop_assert!(!pod.terminating, "{} is deleted twice", name);
                    pod.terminating = true;
                }
            }
        }
        let most = (desired.replicas + desired.max_surge) as usize;
        let after = self.alive().count();
        prop_assert!(after <= most.max(before), "{after} pods, {most} allowed");
        let least = desired.replicas.saturating_sub(desired.max_unavailable) as usize;
        prop_assert!(
            self.available() >= least.min(available_before),
            "{} available, {least} required, {available_before} before",
            self.available()
        );
        if desired.recreate {
            let new = self
                .pods
                .iter()
                .filter(|pod| pod.hash == desired.hash)
                .count();
            let old = self.pods.len() - new;
            let created = actions
                .iter()
                .any(|action| matches!(action, Action::Create { .. }));
            prop_assert!(!(created && old > 0), "a new pod beside an old one");
        }
        Ok(actions.len())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn invariants_hold_and_the_desired_state_is_reached(
        first in a_desired_state(),
        history in prop::collection::vec(a_change(), 0..40),
    ) {
        let mut world = World::default();
        let mut desired = first;
        for change in &history {
            world.round(&desired)?;
            world.apply(change, &mut desired);
        }
        // From here on every pod becomes ready, and every terminating one exits.
        let mut done = false;
        for _ in 0..64 {
            for at in 0..world.pods.len() {
                world.set_ready(at, true);
            }
            world.apply(&Change::Terminated, &mut desired);
            done = world.round(&desired)? == 0;
            if done {
                break;
            }
        }
        prop_assert!(done, "the rollout never completes: {:?}", world.pods);
        prop_assert_eq!(world.pods.len(), desired.replicas as usize);
        prop_assert!(world.pods.iter().all(|pod| pod.hash == desired.hash));
    }

    #[test]
    fn pods_of_no_deployment_are_deleted(
        others in prop::collection::vec((any::<bool>(), any::<bool>()), 0..8),
    ) {
        let pods: Vec<_> = others.iter().enumerate().map(|(at, (ready, terminating))| PodView {
            name: format!("old-{at}"),
            deployment: "default/gone".to_owned(),
            hash: "one".to_owned(),
            created_ms: 0,
            ready: *ready,
            available: *ready,
            terminating: *terminating,
        }).collect();
        let alive = pods.iter().filter(|pod| !pod.terminating).count();
        prop_assert_eq!(plan(&[], &pods).len(), alive);
    }
}

#[test]
fn a_crashed_pod_is_replaced_at_once() {
    let desired = DesiredState {
        deployment: "default/web".to_owned(),
        hash: "one".to_owned(),
        replicas: 3,
        max_surge: 1,
        max_unavailable: 0,
        recreate: false,
    };
    assert_eq!(plan(&[desired], &[]).len(), 3);
}
