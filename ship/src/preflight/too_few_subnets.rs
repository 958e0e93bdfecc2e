//! The problem of a VPC without enough subnets for a load balancer.

use std::fmt;

use super::balancers::Balancer;

/// The controller skips subnets with fewer free addresses.
pub(super) const FREE_ADDRESSES: u64 = 8;

/// Why a load balancer cannot be created in a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TooFewSubnets {
    pub(super) vpc: String,
    pub(super) balancer: Balancer,
    /// The subnets with the tag of the load balancer's role, or else those of its reach.
    pub(super) candidates: usize,
    /// Whether they have the tag.
    pub(super) is_tagged: bool,
    /// Those tagged for other clusters only.
    pub(super) reserved: usize,
    /// Those with too few free addresses.
    pub(super) full: usize,
    /// The availability zones of the rest.
    pub(super) zones: usize,
}

impl TooFewSubnets {
    pub(super) fn hint(&self) -> String {
        let role = self.balancer.role();
        let reach = self.balancer.reach();
        if self.full > 0 {
            return format!(
                "add {reach} subnets with at least {FREE_ADDRESSES} free addresses, tagged {role}=1"
            );
        }
        format!(
            "`aws ec2 create-tags --resources SUBNET… --tags Key={role},Value=1` tags {reach} subnets \
             for it; `make cluster` creates them in a new VPC"
        )
    }
}

impl fmt::Display for TooFewSubnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            vpc,
            balancer,
            candidates,
            is_tagged,
            reserved,
            full,
            zones,
        } = self;
        let needed = balancer.zones();
        write!(
            f,
            "{balancer} needs subnets in {needed} availability zone{}, and {vpc} has {zones}: ",
            plural(needed)
        )?;
        let role = balancer.role();
        if *candidates == 0 {
            return write!(
                f,
                "no subnet is tagged {role}, and none is {}",
                balancer.reach()
            );
        }
        write!(f, "{candidates} subnet{}", plural(*candidates))?;
        if *is_tagged {
            write!(f, " tagged {role}")?;
        } else {
            write!(f, ", {}", balancer.reach())?;
        }
        if *reserved > 0 {
            write!(f, ", {reserved} of them tagged for other clusters")?;
        }
        if *full > 0 {
            write!(
                f,
                ", {full} of them with fewer than {FREE_ADDRESSES} free addresses"
            )?;
        }
        Ok(())
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
