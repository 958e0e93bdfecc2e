//! Users of the cluster with fewer permissions than its administrator.

use std::path::Path;

use serde_json::json;

use super::Cluster;

impl Cluster {
    /// Makes `make` impersonate a user who is in one group, through the same context of another
    /// kubeconfig: the API server authorizes each request as that user's.
    ///
    /// # Panics
    /// When kubectl does not print its configuration, or the file cannot be written.
    pub fn act_as(&mut self, user: &str, group: &str, scratch: &Path) {
        let view = ["config", "view", "--raw", "--flatten", "--minify"];
        let config = self.kubectl.json(&view);
        let mut config = config.unwrap_or_else(|error| panic!("{error}"));
        let credentials = &mut config["users"][0]["user"];
        credentials["as"] = json!(user);
        credentials["as-groups"] = json!([group]);
        std::fs::create_dir_all(scratch).expect("the scratch folder can be written");
        let file = scratch.join(format!("{user}.kubeconfig"));
        std::fs::write(&file, config.to_string()).expect("the folder was just created");
        self.kubeconfig = Some(file);
    }

    /// Undoes [`Cluster::act_as`].
    pub fn act_as_administrator(&mut self) {
        self.kubeconfig = None;
    }
}
