//! The plan as a plain function, over thousands of generated histories.

use nodectl::play::{Action, PodView, Want, plan};
use proptest::prelude::*;

/// Something that happens between two rounds.
#[derive(Clone, Debug)]
enum Happening {
    /// A pod passes its probes and becomes available.
    Ready(usize),
    /// A pod fails its probes.
    Unready(usize),
    /// A pod is gone without anyone's doing.
    Lost(usize),
    /// Pods that are being ended are gone.
    Ended,
    /// The manifest changes.
    Changed(Want),
}

fn a_want() -> impl Strategy<Value = Want> {
    let hash = prop::sample::select(vec!["one", "two", "three"]);
    (
        0_u32..8,
        hash,
        0_u32..4,
        0_u32..4,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(replicas, hash, max_surge, max_unavailable, recreate)| Want {
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

fn a_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0_usize..16).prop_map(Happening::Ready),
        2 => (0_usize..16).prop_map(Happening::Unready),
        1 => (0_usize..16).prop_map(Happening::Lost),
        3 => Just(Happening::Ended),
        1 => a_want().prop_map(Happening::Changed),
    ]
}

#[derive(Debug, Default)]
struct World {
    pods: Vec<PodView>,
    made: u32,
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

    fn happen(&mut self, happening: &Happening, want: &mut Want) {
        match happening {
            Happening::Ready(at) => self.set_ready(*at, true),
            Happening::Unready(at) => self.set_ready(*at, false),
            Happening::Lost(at) if *at < self.pods.len() => drop(self.pods.remove(*at)),
            Happening::Lost(_) => {}
            Happening::Ended => self.pods.retain(|pod| !pod.terminating),
            Happening::Changed(other) => want.clone_from(other),
        }
    }

    /// One round of the controller, with every promise checked.
    fn round(&mut self, want: &Want) -> Result<usize, TestCaseError> {
        let before = self.alive().count();
        let available_before = self.available();
        let actions = plan(std::slice::from_ref(want), &self.pods);
        for action in &actions {
            match action {
                Action::Create { deployment } => {
                    prop_assert_eq!(deployment, &want.deployment);
                    self.made += 1;
                    self.pods.push(PodView {
                        name: format!("web-{}", self.made),
                        deployment: deployment.clone(),
                        hash: want.hash.clone(),
                        created_ms: self.made.into(),
                        ready: false,
                        available: false,
                        terminating: false,
                    });
                }
                Action::Delete { name } => {
                    let pod = self.pods.iter_mut().find(|pod| pod.name == *name);
                    let pod = pod.ok_or_else(|| TestCaseError::fail("ended a stranger"))?;
                    prop_assert!(!pod.terminating, "{} is ended twice", name);
                    pod.terminating = true;
                }
            }
        }
        let most = (want.replicas + want.max_surge) as usize;
        let after = self.alive().count();
        prop_assert!(after <= most.max(before), "{after} pods, {most} allowed");
        let least = want.replicas.saturating_sub(want.max_unavailable) as usize;
        prop_assert!(
            self.available() >= least.min(available_before),
            "{} available, {least} promised, {available_before} before",
            self.available()
        );
        if want.recreate {
            let new = self.pods.iter().filter(|pod| pod.hash == want.hash).count();
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
    fn promises_hold_and_the_desired_is_reached(
        first in a_want(),
        history in prop::collection::vec(a_happening(), 0..40),
    ) {
        let mut world = World::default();
        let mut want = first;
        for happening in &history {
            world.round(&want)?;
            world.happen(happening, &mut want);
        }
        // From here on all goes well: every pod gets ready, every ended one goes.
        let mut quiet = false;
        for _ in 0..64 {
            for at in 0..world.pods.len() {
                world.set_ready(at, true);
            }
            world.happen(&Happening::Ended, &mut want);
            quiet = world.round(&want)? == 0;
            if quiet {
                break;
            }
        }
        prop_assert!(quiet, "it never comes to rest: {:?}", world.pods);
        prop_assert_eq!(world.pods.len(), want.replicas as usize);
        prop_assert!(world.pods.iter().all(|pod| pod.hash == want.hash));
    }

    #[test]
    fn what_is_not_wanted_goes(
        strangers in prop::collection::vec((any::<bool>(), any::<bool>()), 0..8),
    ) {
        let pods: Vec<_> = strangers.iter().enumerate().map(|(at, (ready, terminating))| PodView {
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
    let want = Want {
        deployment: "default/web".to_owned(),
        hash: "one".to_owned(),
        replicas: 3,
        max_surge: 1,
        max_unavailable: 0,
        recreate: false,
    };
    assert_eq!(plan(&[want], &[]).len(), 3);
}
