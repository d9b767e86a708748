//! What the layers of a list take from the network's tables, and what its words stand for.

use crate::config::{ReadAs, SharedDefaults, StandIn};

/// Layers take what they do not say themselves from the network's table of their kind.
pub const SHARED: SharedDefaults = SharedDefaults {
    list: "network.layers",
    tables: &[
        ("lif", "network.lif"),
        ("bntt", "network.bntt"),
        ("batch_norm", "network.batch_norm"),
        ("tdbn", "network.tdbn"),
        ("tebn", "network.tebn"),
        ("tab", "network.tab"),
    ],
    stand_ins: &[
        norm("bntt", &[("norm", Some("bntt"))]),
        norm("tebn", &[("norm", Some("tebn"))]),
        norm("tab", &[("norm", Some("tab"))]),
        norm("tdbn", &[("norm", Some("tdbn"))]),
        norm("batch_norm", &[("norm", Some("batch_norm"))]),
        norm("none", &[("norm", None)]),
        StandIn {
            key: "network.neuron",
            value: "relu",
            entries: &[
                ("lif", Some("relu")),
                ("bntt", Some("batch_norm")),
                ("tebn", Some("batch_norm")),
                ("tab", Some("batch_norm")),
                ("tdbn", Some("batch_norm")),
            ],
            settings: &[
                ("network.time_steps", ReadAs::Whole(1)),
                ("network.encoder", ReadAs::Variant { name: "direct", but: "none" }),
            ],
        },
    ],
    words: &[("norm", "network.norm")],
};

/// What "norm" is read as where `network.norm` is `value`.
const fn norm(value: &'static str, entries: &'static [(&'static str, Option<&'static str>)]) -> StandIn {
    StandIn { key: "network.norm", value, entries, settings: &[] }
}
