//! Seed inputs: valid ones, and regressions.

use lightgcn_store::Storage;

/// The inputs of each target, by name.
pub fn all() -> Vec<(&'static str, Vec<(String, Vec<u8>)>)> {
    vec![
        ("log", log()),
        ("artifact", artifact()),
        ("config", texts(&CONFIGS, &[])),
        ("requests", requests()),
        ("events", events()),
    ]
}

fn texts(texts: &[&str], prefixes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        if prefixes.is_empty() {
            inputs.push((format!("{n}"), text.as_bytes().to_vec()));
        }
        for prefix in prefixes {
            let bytes = [&[*prefix], text.as_bytes()].concat();
            inputs.push((format!("{n}-{prefix}"), bytes));
        }
    }
    inputs
}

const LOGS: [&str; 3] = [
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n\
     2019-10-01 00:00:00 UTC,cart,5773203,1487580005134238553,,runail,2.62,463240011,26dd6e6e\n\
     2019-10-01 00:00:03 UTC,purchase,5773353,1487580005134238553,apparel.glove,,2.62,463240011,\n\
     2019-10-02,view,5773203,1,,\"a \"\"b\"\"\",,9,x\n\
     1570000000,remove_from_cart,5773203,1,,runail,-1,9,x\n\
     2019-11-01T00:00:03+02:00,purchase,5773203,1,,runail,3,9,x\n",
    "product_id,user_id,event_type,event_time\n1,1,purchase,1570000000000\n2,1,purchase,1580000000000\n\
     2,2,purchase,1580000000001\n3,1,purchase,1590000000001\n1,2,purchase,1590000000002\n",
    "0 1 2 3\n1 2\n2 0 2\n",
];

fn log() -> Vec<(String, Vec<u8>)> {
    texts(&LOGS, &[0, 1, 4, 8, 16, 24, 0x80, 0x81])
}

fn artifact() -> Vec<(String, Vec<u8>)> {
    let folder = crate::folder();
    let mut inputs = Vec::new();
    for (bit, storage) in [(0u8, Storage::F32), (0x80, Storage::Bf16)] {
        let path = crate::artifact::saved(folder.path(), storage);
        let mut names = crate::artifact::names(&path);
        names.push("manifest.json".to_owned());
        for (number, name) in names.iter().enumerate() {
            let content = std::fs::read(path.join(name)).expect("a file of the artifact");
            inputs.push((
                format!("{storage:?}-{name}"),
                [&[bit | number as u8], &content[..]].concat(),
            ));
        }
    }
    inputs
}

const CONFIGS: [&str; 4] = [
    "[prepare]\nseed = 1\nduplicates = \"keep\"\nskip_bad_rows = true\ncatalogue = [\"a*\"]\n\
     [prepare.format]\nevent_time = \"t\"\nprice = \"\"\ndelimiter = \";\"\nignore_behaviors = [\"x\"]\n\
     [prepare.format.rename_behaviors]\nclick = \"view\"\nbuy = \"purchase\"\n",
    "[prepare.weights]\nfloor = 0.01\nhalf_life_days = 30\nbehaviors = [\n\
     { name = \"click\", weight = 0.01 },\n{ name = \"buy\", weight = 1.0, target = true, cap = 2 },\n]\n\
     ceiling = { above = 1.0, with_target = 1.0, without_target = 0.5 }\n\
     [prepare.k_core]\nmin_user_pairs = 2\nmin_item_pairs = 3\n\
     [prepare.split]\nkind = \"by-time\"\nvalidation = \"2020-01-01\"\ntest = 0.1\n",
    "[generate]\nn_events = 2000\nbehavior_shares = [0.45, 0.28, 0.20, 0.07]\nmedian_price = 3.97\n\
     [generate.taste]\nfavorites = 3\n[generate.funnel]\nreturn_days = [1.8, 1.5]\n",
    "[filters.ease]\n[filters.gf-cf]\nn_vectors = 16\nideal_weight = 0.3\nseed = 4\n\
     [filters.chebyshev]\norder = 8\nflatness = 1.5\n[filters.svd]\nrank = 4\n",
];

const QUESTIONS: [&str; 2] = [
    r#"{"user":"ann","events":[{"item":"soap","behavior":"cart","count":2,"time":1580000000}],
"options":{"k":3,"hide":"seen","filter":{"allow":["soap","comb"],"deny":["lamp"],"categories":["apparel"],
"brands":["runail"],"price_min":1,"price_max":9.5},"diversity":0.3,"exploration":0.2,"revenue":0.1,"seed":7,
"chain":["model","fold_in","content","popularity","random"]}}"#,
    r#"{"user":"new","events":[{"item":"comb","behavior":"purchase"}]}"#,
];

const WHY: [&str; 2] = [
    r#"{"user":"bob","item":"soap","options":{"max_hops":5}}"#,
    r#"{"user":"","item":"lamp","events":[{"item":"comb","behavior":"purchase","count":0.5}]}"#,
];

/// Valid stores: as they are, with changes in their first page, and whole.
fn events() -> Vec<(String, Vec<u8>)> {
    let folder = crate::folder();
    let mut inputs = vec![
        ("unclosed".to_owned(), vec![0]),
        ("closed".to_owned(), vec![1]),
    ];
    for place in [0, 9, 64, 128] {
        for store in [0, 1] {
            inputs.push((format!("{store}-{place}"), vec![store, place, 0, 0, 0xff]));
        }
    }
    let valid = crate::events::valid(folder.path());
    for (name, file) in ["unclosed-file", "closed-file"].iter().zip(valid) {
        let bytes = [&[crate::events::WHOLE], &file[..]].concat();
        inputs.push(((*name).to_owned(), bytes));
    }
    inputs
}

fn requests() -> Vec<(String, Vec<u8>)> {
    let mut inputs = texts(&QUESTIONS, &[0]);
    inputs.extend(texts(&WHY, &[1]));
    inputs.extend(texts(&["{}", r#"{"k":5}"#], &[2]));
    inputs
}
