//! The cost tables in docs/eks.md add up and match the nodes of the cluster definition.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;

use e2e::manifests::repository;
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// The rows of the tables about an overlay, without their heads.
fn rows(text: &str, overlay: &str) -> Vec<Vec<String>> {
    let head = format!("| part of `{overlay}` |");
    let (_, table) = text.split_once(&head).unwrap();
    let lines = table.lines().skip(2);
    let lines = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().trim_matches('*').to_owned())
            .collect()
    };
    lines.map(cells).collect()
}

/// Parses dollars into cents.
fn cents(text: &str) -> u32 {
    let (dollars, cents) = text.split_once('.').unwrap();
    assert_eq!(cents.len(), 2, "{text}");
    dollars.parse::<u32>().unwrap() * 100 + cents.parse::<u32>().unwrap()
}

/// The sums of the columns.
fn sums(rows: &[Vec<String>]) -> Vec<u32> {
    let (total, parts) = rows.split_last().unwrap();
    assert_eq!(total[0], "together");
    let columns = 1..total.len();
    let sums = columns.map(|column| {
        let sum: u32 = parts.iter().map(|row| cents(&row[column])).sum();
        assert_eq!(sum, cents(&total[column]), "{rows:?}");
        sum
    });
    sums.collect()
}

#[test]
fn the_costs_add_up() {
    let text = read("docs/eks.md");
    let eks = sums(&rows(&text, "eks"));
    let auto = sums(&rows(&text, "eks-auto"));
    let a_day = |cents: u32| (cents * 24 + 50) / 100;
    assert!(text.contains(&format!("{} dollars a day. In `eks-auto`", a_day(eks[0]))));
    let both = format!(
        "{} or {} dollars a day. With either",
        a_day(auto[0]),
        a_day(auto[1])
    );
    assert!(text.contains(&both), "{both}");
}

#[test]
fn the_costs_match_the_nodes_of_the_definition() {
    let cluster: Value = serde_saphyr::from_str(&read("k8s/cluster.yaml")).unwrap();
    let groups = cluster["managedNodeGroups"].as_array().unwrap().iter();
    let started = groups.filter(|group| group["desiredCapacity"] != 0);
    let nodes: Vec<_> = started
        .map(|group| {
            let kind = group["instanceTypes"][0].as_str().unwrap();
            format!("{} × {kind}", group["desiredCapacity"])
        })
        .collect();
    let text = read("docs/eks.md");
    let rows = rows(&text, "eks");
    let parts: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert!(
        parts.contains(&nodes.join(", ").as_str()),
        "{nodes:?}: {parts:?}"
    );
    // One gateway, as in the table, instead of one for each zone.
    for definition in ["k8s/cluster.yaml", "k8s/cluster-auto.yaml"] {
        let cluster: Value = serde_saphyr::from_str(&read(definition)).unwrap();
        assert_eq!(cluster["vpc"]["nat"]["gateway"], "Single", "{definition}");
    }
}
