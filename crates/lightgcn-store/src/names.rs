//! The names of a folder's files.

pub(crate) const BEHAVIORS: &str = "behaviors.json";
pub(crate) const LINEAGE: &str = "lineage.json";
pub(crate) const USERS: &str = "users.safetensors";
pub(crate) const ITEMS: &str = "items.safetensors";
pub(crate) const CATALOGUE: &str = "catalogue.safetensors";
pub(crate) const KNOWLEDGE: &str = "knowledge.safetensors";
pub(crate) const INTERACTIONS: &str = "interactions.safetensors";

/// Files that were renamed: the current name and the former one.
pub(crate) const FORMER_NAMES: [(&str, &str); 3] = [
    (BEHAVIORS, "behaviours.json"),
    (USERS, "consumers.safetensors"),
    (ITEMS, "products.safetensors"),
];
