//! Whether the VPC of an EKS cluster has subnets in which the controller would create the manifests' load
//! balancers: without them the deploy would wait for an address until its timeout.
//!
//! The rules are those of the [controller's discovery of subnets](https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/subnet_discovery/).

use std::collections::BTreeSet;

use serde_json::Value;

use super::balancers::{Balancer, balancers};
use super::problem::Problem;
use super::too_few_subnets::{FREE_ADDRESSES, TooFewSubnets};
use crate::aws::{AwsError, query};
use crate::kubectl::{items, text};

/// The prefix of the tags by which a subnet is reserved for clusters.
const CLUSTER_TAG: &str = "kubernetes.io/cluster/";

/// A subnet of the cluster's VPC.
#[derive(Clone, Debug)]
struct Subnet {
    id: String,
    zone: String,
    free_addresses: u64,
    /// By key.
    tags: Vec<(String, String)>,
    /// Whether it has a route to an internet gateway, if no tag decides.
    is_public: bool,
}

impl Subnet {
    fn has_role(&self, role: &str) -> bool {
        let mut tags = self.tags.iter();
        tags.any(|(key, value)| key == role && matches!(value.as_str(), "" | "1"))
    }

    /// Whether it is reserved for other clusters.
    fn is_reserved(&self, cluster: &str) -> bool {
        let clusters = self.tags.iter();
        let mut clusters = clusters.filter_map(|(key, _)| key.strip_prefix(CLUSTER_TAG));
        let is_tagged = clusters.clone().next().is_some();
        is_tagged && !clusters.any(|name| name == cluster)
    }
}

/// The problems of an existing cluster's subnets.
pub(super) fn problems(cluster: &str, region: &str, objects: &[Value]) -> Vec<Problem> {
    let balancers = balancers(objects);
    if balancers.is_empty() {
        return Vec::new();
    }
    match discover(cluster, region, &balancers) {
        Ok((vpc, subnets)) => balancers
            .into_iter()
            .filter_map(|balancer| too_few(&vpc, cluster, &subnets, balancer))
            .collect(),
        Err(error) => vec![Problem::SubnetsUnknown(error.to_string())],
    }
}

/// The VPC of a cluster, and its subnets. Routes are only queried if a load balancer has no tagged subnet.
fn discover(
    cluster: &str,
    region: &str,
    balancers: &[Balancer],
) -> Result<(String, Vec<Subnet>), AwsError> {
    let command = ["eks", "describe-cluster"];
    let answer = query(region, &command, &["--name", cluster])?;
    let vpc = text(&answer["cluster"]["resourcesVpcConfig"]["vpcId"]);
    let filter = format!("Name=vpc-id,Values={vpc}");
    let of_vpc = ["--filters", &filter];
    let subnets = query(region, &["ec2", "describe-subnets"], &of_vpc)?;
    let subnets = items(&subnets["Subnets"]).map(|subnet| Subnet {
        id: text(&subnet["SubnetId"]),
        zone: text(&subnet["AvailabilityZone"]),
        free_addresses: subnet["AvailableIpAddressCount"].as_u64().unwrap_or(0),
        tags: items(&subnet["Tags"])
            .map(|tag| (text(&tag["Key"]), text(&tag["Value"])))
            .collect(),
        is_public: false,
    });
    let mut subnets: Vec<_> = subnets.collect();
    let are_tagged = balancers
        .iter()
        .all(|balancer| subnets.iter().any(|one| one.has_role(balancer.role())));
    if !are_tagged {
        let tables = query(region, &["ec2", "describe-route-tables"], &of_vpc)?;
        let public = public(&tables);
        for subnet in &mut subnets {
            subnet.is_public = public(&subnet.id);
        }
    }
    Ok((vpc, subnets))
}

/// Whether a subnet has a route to an internet gateway, in its own route table or else in the VPC's main one.
fn public(tables: &Value) -> impl Fn(&str) -> bool {
    let mut own = BTreeSet::new();
    let mut public = BTreeSet::new();
    let mut is_main_public = false;
    for table in items(&tables["RouteTables"]) {
        let has_gateway = items(&table["Routes"]).any(|route| {
            let gateway = route["GatewayId"].as_str();
            gateway.is_some_and(|id| id.starts_with("igw-"))
        });
        for association in items(&table["Associations"]) {
            let subnet = text(&association["SubnetId"]);
            if association["Main"] == true {
                is_main_public = has_gateway;
            } else if has_gateway {
                public.insert(subnet.clone());
            }
            own.insert(subnet);
        }
    }
    move |subnet| public.contains(subnet) || (is_main_public && !own.contains(subnet))
}

/// The problem if a load balancer has subnets in too few availability zones.
fn too_few(vpc: &str, cluster: &str, subnets: &[Subnet], balancer: Balancer) -> Option<Problem> {
    let tagged: Vec<_> = subnets
        .iter()
        .filter(|subnet| subnet.has_role(balancer.role()))
        .collect();
    let is_tagged = !tagged.is_empty();
    let candidates = if is_tagged {
        tagged
    } else {
        let reachable = subnets.iter();
        reachable
            .filter(|subnet| subnet.is_public != balancer.is_internal)
            .collect()
    };
    let total = candidates.len();
    let (reserved, others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|subnet| subnet.is_reserved(cluster));
    let (full, usable): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|subnet| subnet.free_addresses < FREE_ADDRESSES);
    let zones: BTreeSet<_> = usable.iter().map(|subnet| &subnet.zone).collect();
    (zones.len() < balancer.zones()).then(|| {
        Problem::TooFewSubnets(Box::new(TooFewSubnets {
            vpc: vpc.to_owned(),
            balancer,
            candidates: total,
            is_tagged,
            reserved: reserved.len(),
            full: full.len(),
            zones: zones.len(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use cli::Exit;
    use serde_json::json;

    use super::*;

    const PUBLIC: &str = "kubernetes.io/role/elb";
    const NETWORK: Balancer = Balancer {
        is_application: false,
        is_internal: false,
    };

    fn subnet(zone: &str, tags: &[(&str, &str)]) -> Subnet {
        let tags = tags.iter();
        Subnet {
            id: String::new(),
            zone: zone.to_owned(),
            free_addresses: FREE_ADDRESSES,
            tags: tags
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            is_public: false,
        }
    }

    /// The problem of a load balancer in these subnets; empty if there is none.
    fn found(balancer: Balancer, subnets: &[Subnet]) -> String {
        let problem = too_few("vpc-1", "hello", subnets, balancer);
        assert!(problem.iter().all(|problem| problem.exit() == Exit::Usage));
        problem.map_or(String::new(), |problem| problem.to_string())
    }

    #[test]
    fn subnets_with_the_tag_of_the_role_are_used() {
        for value in ["1", ""] {
            let tagged = [subnet("a", &[(PUBLIC, value)])];
            assert_eq!(found(NETWORK, &tagged), "");
        }
        assert_eq!(
            found(NETWORK, &[subnet("a", &[(PUBLIC, "0")])]),
            "an internet-facing Network Load Balancer needs subnets in 1 availability zone, and vpc-1 \
             has 0: no subnet is tagged kubernetes.io/role/elb, and none is public"
        );
        let internal = Balancer {
            is_internal: true,
            ..NETWORK
        };
        let private = [subnet("a", &[("kubernetes.io/role/internal-elb", "1")])];
        assert_eq!(found(internal, &private), "");
        assert_ne!(found(NETWORK, &private), "");
    }

    #[test]
    fn without_tags_the_route_to_an_internet_gateway_decides() {
        let mut subnets = [subnet("a", &[])];
        let internal = Balancer {
            is_internal: true,
            ..NETWORK
        };
        assert_eq!(found(internal, &subnets), "");
        subnets[0].is_public = true;
        assert_eq!(found(NETWORK, &subnets), "");
        assert!(found(internal, &subnets).ends_with("and none is private"));
        // Tags take precedence.
        let tagged = subnet(
            "a",
            &[(PUBLIC, "1"), ("kubernetes.io/cluster/other", "owned")],
        );
        assert_ne!(found(NETWORK, &[subnets[0].clone(), tagged]), "");
    }

    #[test]
    fn an_application_load_balancer_needs_two_availability_zones() {
        let application = Balancer {
            is_application: true,
            ..NETWORK
        };
        let tags = [(PUBLIC, "1")];
        let mut subnets = vec![subnet("a", &tags), subnet("a", &tags)];
        assert_eq!(
            found(application, &subnets),
            "an internet-facing Application Load Balancer needs subnets in 2 availability zones, and \
             vpc-1 has 1: 2 subnets tagged kubernetes.io/role/elb"
        );
        subnets.push(subnet("b", &tags));
        assert_eq!(found(application, &subnets), "");
    }

    #[test]
    fn full_subnets_and_those_of_other_clusters_do_not_count() {
        let other = ("kubernetes.io/cluster/other", "shared");
        let own = ("kubernetes.io/cluster/hello", "shared");
        let mut full = subnet("b", &[(PUBLIC, "1")]);
        full.free_addresses = FREE_ADDRESSES - 1;
        let mut subnets = vec![subnet("a", &[(PUBLIC, "1"), other]), full];
        assert_eq!(
            found(NETWORK, &subnets),
            "an internet-facing Network Load Balancer needs subnets in 1 availability zone, and vpc-1 \
             has 0: 2 subnets tagged kubernetes.io/role/elb, 1 of them tagged for other clusters, 1 of \
             them with fewer than 8 free addresses"
        );
        subnets.push(subnet("c", &[(PUBLIC, "1"), other, own]));
        assert_eq!(found(NETWORK, &subnets), "");
    }

    #[test]
    fn a_subnet_without_a_route_table_has_the_main_one() {
        let table = |gateway: &str, associations: Value| {
            json!({
                "Routes": [{"GatewayId": "local"}, {"GatewayId": gateway}],
                "Associations": associations,
            })
        };
        let main = json!([{"Main": true}]);
        let of = |subnet: &str| json!([{"Main": false, "SubnetId": subnet}]);
        let answer = json!({"RouteTables": [
            table("igw-1", main.clone()),
            table("nat-1", of("private")),
            table("igw-1", of("public")),
        ]});
        let is_public = public(&answer);
        assert!(is_public("public") && is_public("another") && !is_public("private"));
        let answer = json!({"RouteTables": [table("vgw-1", main), table("igw-1", of("public"))]});
        let is_public = public(&answer);
        assert!(is_public("public") && !is_public("another"));
    }
}
