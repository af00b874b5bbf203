//! The whole login on a real API server: etcd and kube-apiserver, the real webhook, a fake AWS behind it, and tokens that the program
//! makes. What docs/deploy tells people to apply and to run is what is applied and run here.
//!
//! It needs a folder with `etcd` and `kube-apiserver`, named by `KUBEBUILDER_ASSETS`; `.ci/extended api-server` makes one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a program: files, sockets, processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod api;
mod backends;
mod bootstrap;
mod outage;
mod pages;
mod refusals;
mod setting;

use kubernetes_fake::RealKubernetes;
use setting::Cluster;
use std::io::Write;

/// Says which scene begins, and plays it.
macro_rules! play {
    ($cluster:ident: $($scene:path,)*) => {
        $(
            tell(stringify!($scene));
            $scene(&mut $cluster);
        )*
    };
}

// One after the other: they share what takes longest to start, and an outage is one for all of them.
#[test]
fn the_whole_login_on_a_real_api_server() {
    let Some(assets) = RealKubernetes::assets() else {
        return tell("skipped: KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver");
    };
    let mut cluster = Cluster::new(&assets);
    play! { cluster:
        bootstrap::the_mounted_file_counts_while_there_is_no_api_server,
        bootstrap::break_glass_sets_the_cluster_up_through_the_webhook,
        bootstrap::the_rbac_manifest_is_enough_for_the_webhook_and_no_more,
        access::the_api_server_sees_the_caller_as_the_webhook_does,
        access::each_group_and_user_of_the_manifests_may_do_what_they_say,
        refusals::unauthorized_is_whom_the_webhook_does_not_let_in,
        refusals::a_denial_is_remembered_and_an_error_is_not,
        backends::an_edit_of_the_config_map_counts_at_once,
        backends::a_node_of_the_config_map_is_named_by_ec2,
        backends::an_object_counts_from_its_making_to_its_deletion,
        pages::what_the_page_about_logging_in_says_works,
        pages::what_the_page_about_troubles_says_works,
        outage::mappings_stay_while_the_api_server_is_gone_and_edits_count_when_it_is_back,
        outage::an_api_server_starts_without_the_webhook_and_asks_it_when_it_is_there,
    }
}

/// Not by a macro: what those write of a test that passes is not shown.
fn tell(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
