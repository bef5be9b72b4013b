//! What users get from a trained model: recommendations and explanations, compared with the log.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::LeaveLastOut;
use common::{assert_messages, strings, trained_shop};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn users_get_distinct_items_that_they_have_not_bought() {
    let (work, parts) = trained_shop();
    let user = parts.best_customer();
    let bought = parts.bought(user);
    assert!(bought.len() >= 3);
    let answers = work.json(&["recommend", "lightgcn", user, "nobody"]);
    let [known, unknown] = &answers["answers"].as_array().unwrap()[..] else {
        panic!("two answers: {answers}");
    };
    assert_eq!(
        (&known["known"], &known["source"]),
        (&json!(true), &json!("model"))
    );
    let items = strings(&known["items"], "item");
    let distinct: BTreeSet<&str> = items.iter().copied().collect();
    assert_eq!((items.len(), distinct.len()), (20, 20));
    assert!(distinct.is_disjoint(&bought), "{distinct:?} and {bought:?}");
    let items = known["items"].as_array().unwrap();
    for (n, item) in items.iter().enumerate() {
        assert_eq!(item["rank"], json!(n + 1));
        assert!(item["details"]["category_id"].is_string(), "{item}");
    }
    let score = |item: &Value| item["score"].as_f64().unwrap();
    assert!(items.is_sorted_by(|a, b| score(a) >= score(b)));

    assert_eq!(
        (&unknown["known"], &unknown["source"]),
        (&json!(false), &json!("popularity"))
    );
    // The popular items, counted again: users who bought each in training.
    let mut buyers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in parts.train.iter().filter(|e| e.behavior == "purchase") {
        buyers.entry(&event.item).or_default().insert(&event.user);
    }
    let mut most: Vec<usize> = buyers.values().map(BTreeSet::len).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let popular = unknown["items"].as_array().unwrap();
    assert_eq!(popular.len(), 20);
    for (listed, most) in popular.iter().zip(most) {
        let item = listed["item"].as_str().unwrap();
        assert_eq!(listed["score"].as_f64(), Some(most as f64));
        assert_eq!(buyers[item].len(), most);
    }

    // As many as there are: all but what was bought, or all.
    let n_items = parts
        .train
        .iter()
        .map(|e| &e.item)
        .collect::<BTreeSet<_>>()
        .len();
    let beyond = ["recommend", "lightgcn", user, "-k", "1000000"];
    let rest = work.json(&beyond);
    let rest: BTreeSet<&str> = strings(&rest["answers"][0]["items"], "item")
        .into_iter()
        .collect();
    assert_eq!(rest.len(), n_items - bought.len());
    assert!(rest.is_disjoint(&bought));
    let all = work.json(&[&beyond[..], &["--include-bought"]].concat());
    let all: BTreeSet<&str> = strings(&all["answers"][0]["items"], "item")
        .into_iter()
        .collect();
    assert_eq!(all.len(), n_items);
    assert!(all.is_superset(&bought));

    let text = work.text(&["recommend", "lightgcn", user, "nobody", "-k", "3"]);
    assert!(text.contains(&format!("For user {user}\n")), "{text}");
    assert!(text.contains("nobody"), "{text}");
    assert_eq!(
        text.lines().count(),
        11,
        "two lists of a title, a head and 3 rows: {text}"
    );
}

#[test]
fn explanations_walk_over_what_the_log_says() {
    let (work, parts) = trained_shop();
    let user = parts.best_customer();
    let answer = work.json(&["recommend", "lightgcn", user, "-k", "5"]);
    let mut n_paths = 0;
    for listed in answer["answers"][0]["items"].as_array().unwrap() {
        let item = listed["item"].as_str().unwrap();
        let explain = ["explain", "lightgcn", user, item, "--paths", "3"];
        let why = work.json(&[&explain[..], &["--min-users", "1"]].concat());
        let value = |part: &Value| part["value"].as_f64().unwrap();
        assert_eq!(why["method"], json!("ranking"));
        let parts_of = why["contributions"].as_array().unwrap().iter();
        let terms = why["terms"].as_array().unwrap();
        let own = why["self_contribution"]["value"].as_f64().unwrap_or(0.0);
        let sum = parts_of.chain(terms).map(value).sum::<f64>() + own;
        assert!(!terms.is_empty(), "{why}");
        let score = why["score"].as_f64().unwrap();
        assert!((sum - score).abs() < 1e-4, "{sum} is not {score}");
        assert_eq!(
            (&why["user"], &why["item"]),
            (&json!(user), &listed["item"])
        );
        assert_eq!(
            why["score"], listed["score"],
            "the same bits as in the list"
        );
        assert_eq!(why["bought"], json!(false));
        let paths = why["paths"].as_array().unwrap();
        assert!(paths.len() <= 3);
        assert_eq!(why["reason"].is_string(), paths.is_empty());
        for path in paths {
            assert_path(path, user, item, &parts);
            n_paths += 1;
        }
    }
    assert!(n_paths > 0, "none of five recommended items has a path");

    let bought = *parts.bought(user).first().unwrap();
    let why = work.json(&["explain", "lightgcn", user, bought]);
    assert_eq!(why["bought"], json!(true));
    assert_eq!(
        why["paths"][0]["edges"].as_array().unwrap().len(),
        1,
        "the purchase itself"
    );
    let text = work.text(&["explain", "lightgcn", user, bought]);
    assert!(text.starts_with(&format!("Item {bought}")), "{text}");
    assert!(text.lines().count() > 1, "{text}");
}

/// A path must lead from the user to the item over connected edges; the user's own ones
/// must be what the log says.
fn assert_path(path: &Value, user: &str, item: &str, parts: &LeaveLastOut) {
    let edges = path["edges"].as_array().unwrap();
    assert!([1, 3, 5].contains(&edges.len()), "{path}");
    assert_eq!(edges[0]["from"], json!({"kind": "user"}));
    let last = &edges[edges.len() - 1]["to"];
    assert_eq!(
        (&last["kind"], &last["item"]),
        (&json!("item"), &json!(item))
    );
    assert!(
        edges
            .windows(2)
            .all(|pair| pair[0]["to"] == pair[1]["from"]),
        "{path}"
    );
    assert!(path["strength"].as_f64().unwrap() > 0.0);
    for edge in edges {
        assert!(edge["weight"].as_f64().unwrap() > 0.0);
        assert!(!edge["behaviors"].as_array().unwrap().is_empty(), "{edge}");
        if edge["from"]["kind"] == "user" {
            let counts: BTreeMap<&str, u64> = edge["behaviors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|b| {
                    (
                        b["behavior"].as_str().unwrap(),
                        b["count"].as_u64().unwrap(),
                    )
                })
                .collect();
            let met = edge["to"]["item"].as_str().unwrap();
            assert_eq!(counts, parts.counts(user, met));
        }
    }
}

#[test]
fn rules_events_and_batches_of_all_users() {
    let (work, parts) = trained_shop();
    let user = parts.best_customer();
    let all = work.json(&["recommend", "lightgcn", user, "-k", "30"]);
    let all = strings(&all["answers"][0]["items"], "item");
    // Filters, and a file of unsuitable items.
    let bad = format!(
        "\u{feff}item,why\r\n{},sold\r\n\r\n\"{}\",\r\n",
        all[0], all[2]
    );
    std::fs::write(work.path("bad.txt"), bad).unwrap();
    let less = work.json(&[
        "recommend",
        "lightgcn",
        user,
        "-k",
        "3",
        "--unsuitable",
        "bad.txt",
        "--deny",
        all[1],
    ]);
    assert_eq!(strings(&less["answers"][0]["items"], "item"), all[3..6]);
    let only = work.json(&["recommend", "lightgcn", user, "--allow", all[7]]);
    assert_eq!(strings(&only["answers"][0]["items"], "item"), [all[7]]);
    // A new user with an event.
    let event = format!("purchase:{}", all[0]);
    let new = work.json(&["recommend", "lightgcn", "nobody", "--event", &event]);
    assert_eq!(new["answers"][0]["source"], json!("fold_in"));
    let items = strings(&new["answers"][0]["items"], "item");
    assert!(!items.contains(&all[0]));
    let why = work.json(&["explain", "lightgcn", "nobody", items[0], "--event", &event]);
    assert_eq!(why["method"], json!("ranking"));
    // Every user at once, the same lists.
    let written = work.json(&[
        "recommend",
        "lightgcn",
        "--all",
        "--out",
        "all.csv",
        "-k",
        "5",
    ]);
    let text = work.read("all.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("user,rank,item,score,source,familiar"));
    assert_eq!(
        written["rows"].as_u64().unwrap() as usize,
        text.lines().count() - 1
    );
    let mine: Vec<(&str, String)> = lines
        .filter_map(|line| line.strip_prefix(&format!("{user},")))
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[1], cells[4].to_owned())
        })
        .collect();
    let answer = work.json(&["recommend", "lightgcn", user, "-k", "5"]);
    let marked = answer["answers"][0]["items"].as_array().unwrap().iter();
    let marks = marked.map(|listed| listed["familiar"].to_string());
    let expected: Vec<(&str, String)> = all[..5].iter().copied().zip(marks).collect();
    assert_eq!(mine, expected);
    assert!(text.lines().any(|line| line.ends_with(",false")), "{text}");
    let known = ["--only", "familiar", "--out", "known.csv"];
    work.json(&[&["recommend", "lightgcn", "--all"][..], &known].concat());
    let known = work.read("known.csv");
    assert!(known.lines().count() > 1);
    let mut marks = known.lines().skip(1);
    assert!(marks.all(|line| line.ends_with(",true")), "{known}");
}

#[test]
fn shards_are_parts_of_the_lists_of_all_users() {
    let (work, _) = trained_shop();
    let all = |more: &[&str]| {
        let usual = ["recommend", "lightgcn", "--all", "-k", "3"];
        work.json(&[&usual[..], more].concat())
    };
    let whole = all(&["--out", "all.csv"]);
    assert_eq!(whole.get("manifest"), None);
    let mut parts: Vec<String> = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let file = format!("{}.csv", &shard[..1]);
        let written = all(&["--out", &file, "--shard", shard]);
        let manifest = work.read_json(&format!("{file}.json"));
        assert_eq!(
            (&manifest["rows"], &manifest["users"]),
            (&written["rows"], &written["users"])
        );
        assert_eq!(
            (&manifest["shard"]["of"], &manifest["options"]["k"]),
            (&json!(3), &json!(3))
        );
        let text = work.read(&file);
        assert_eq!(
            text.lines().count() as u64,
            written["rows"].as_u64().unwrap() + 1
        );
        parts.extend(text.lines().skip(1).map(str::to_owned));
    }
    let text = work.read("all.csv");
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.sort_unstable();
    parts.sort_unstable();
    assert_eq!(parts, lines);
    for shard in ["0/3", "4/3", "x"] {
        let usual = ["recommend", "lightgcn", "--all", "--out", "x.csv"];
        work.refused(&[&usual[..], &["--shard", shard]].concat(), &[shard]);
    }
}

#[test]
fn lists_of_all_users_are_the_same_in_csv_and_parquet() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let (work, _) = trained_shop();
    let all = |out: &str| {
        let rules = ["--exploration", "0.2", "-k", "5", "--price-min", "1"];
        work.json(
            &[
                &["recommend", "lightgcn", "--all", "--out", out][..],
                &rules,
            ]
            .concat(),
        )
    };
    let (csv, parquet) = (all("all.csv"), all("all.parquet"));
    assert_eq!(csv["rows"], parquet["rows"]);
    let file = std::fs::File::open(work.path("all.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let names = reader.metadata().file_metadata().schema_descr().columns();
    let names: Vec<&str> = names.iter().map(|column| column.name()).collect();
    let expected = ["user", "rank", "item", "score", "source", "familiar"];
    assert_eq!(names, expected);
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(_, cell)| match cell {
                parquet::record::Field::Float(score) => score.to_string(),
                cell => cell.to_string().trim_matches('"').to_owned(),
            });
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    let text = work.read("all.csv");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len() as u64, parquet["rows"].as_u64().unwrap());
    assert_eq!(rows, lines);
    assert!(lines.iter().any(|line| line.contains(",exploration,")));
    let left: Vec<_> = work
        .listing()
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn models_and_filters_answer_together() {
    let (work, parts) = trained_shop();
    let user = parts.best_customer();
    for fusion in ["score", "rank"] {
        let evaluate = [
            "evaluate",
            "lightgcn",
            "dataset",
            "--ensemble",
            "ease,mf",
            "--fusion",
            fusion,
        ];
        let report = work.json(
            &[
                &evaluate[..],
                &["--exploration", "0,0.5", "--revenue", "0.5"],
            ]
            .concat(),
        );
        let ensemble = &report["ensemble"];
        assert_eq!(ensemble["members"], json!(["lightgcn", "ease", "mf"]));
        assert_eq!(
            (&ensemble["chosen_on"], &ensemble["fusion"]),
            (&json!("validation"), &json!(fusion))
        );
        let weights: Vec<f64> = ensemble["weights"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w.as_f64().unwrap())
            .collect();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let name = format!(
            "{} lightgcn + {} EASE + {} mf",
            weights[0], weights[1], weights[2]
        );
        let rankers = strings(&report["rows"], "ranker");
        assert!(rankers.contains(&name.as_str()), "{name} in {rankers:?}");
        // What chance costs and gains; diversity at the same share.
        let costs = report["costs"].as_array().unwrap();
        let rankers = strings(&report["costs"], "ranker");
        assert_eq!(
            rankers,
            [
                "learned ranking",
                "learned ranking, exploration 0",
                "learned ranking, exploration 0.5",
                "learned ranking, diversity 0.5",
                "learned ranking (revenue 0.5)"
            ]
        );
        let number = |n: usize, name: &str| costs[n][name].as_f64().unwrap();
        // The first row of the table: what users are answered.
        assert_eq!(
            costs[0]["recall"],
            report["rows"][0]["figures"]["recall@20"]
        );
        assert_eq!(number(1, "recall"), number(0, "recall"));
        assert_eq!(number(1, "recall_change"), 0.0);
        assert!(number(2, "recall") < number(0, "recall"));
        assert!(number(2, "coverage") > number(0, "coverage"));
        assert!(number(2, "gini") < number(0, "gini"));
        assert!(number(2, "novelty") > number(0, "novelty"));
        assert!(number(4, "revenue") >= 0.0);
        let text = work.text(&evaluate);
        assert!(text.contains("(recall@20)"), "{text}");
    }
    let text = work.text(&["evaluate", "lightgcn", "dataset", "--exploration", "0.1"]);
    assert!(text.contains("exploration 0.1"), "{text}");

    let with = ["--with", "ease=0.3", "--with", "mf=0.2"];
    let plain = work.json(&["recommend", "lightgcn", user]);
    let fused = work.json(&[&["recommend", "lightgcn", user][..], &with].concat());
    let items = &fused["answers"][0]["items"];
    assert_ne!(items, &plain["answers"][0]["items"]);
    assert!(
        parts
            .bought(user)
            .is_disjoint(&strings(items, "item").into_iter().collect())
    );
    let item = items[0]["item"].as_str().unwrap();
    let why = work.json(&[&["explain", "lightgcn", user, item][..], &with].concat());
    assert_eq!(
        (&why["method"], &why["score"]),
        (&json!("ensemble"), &items[0]["score"])
    );
    let value = |part: &Value| part["value"].as_f64().unwrap();
    let contributions = why["contributions"].as_array().unwrap();
    let sum = contributions.iter().map(value).sum::<f64>() + value(&why["self_contribution"]);
    assert!((sum - why["score"].as_f64().unwrap()).abs() < 1e-4);
    let ranks = [
        &["explain", "lightgcn", user, item][..],
        &with,
        &["--fusion", "rank"],
    ];
    assert_eq!(work.json(&ranks.concat())["method"], json!("evidence"));

    let refused = |flags: &[&str], words: &[&str]| {
        work.refused(
            &[&["recommend", "lightgcn", user][..], flags].concat(),
            words,
        );
    };
    refused(&["--with", "ease"], &["FILTER=WEIGHT"]);
    refused(&["--with", "ease=2"], &[]);
    refused(&["--with", "ease=0.6", "--with", "mf=0.6"], &["1.2"]);
    refused(&["--with", "gone=0.5"], &[]);
    refused(&["--new-items", "gone.jsonl"], &["gone.jsonl"]);
    work.write("new.jsonl", "\n{\"item\": \"n\", \"events\": 3}\n");
    refused(&["--new-items", "new.jsonl"], &["new.jsonl", "line 2"]);
    let all = ["recommend", "lightgcn", "--all", "--out", "all.txt"];
    work.refused(&all, &["all.txt"]);
    // A model of another shop.
    work.json(&[
        "generate",
        "--events",
        "3000",
        "--seed",
        "9",
        "--out",
        "other.csv",
    ]);
    work.json(&[
        "prepare",
        "other.csv",
        "--split",
        "none",
        "--out",
        "other.dataset",
    ]);
    work.json(&[
        "train",
        "other.dataset",
        "--out",
        "other",
        "--epochs",
        "1",
        "--dimension",
        "8",
    ]);
    refused(&["--with", "other=0.5"], &[]);

    // A new item joins at once, also from a file with a byte order mark.
    let history = parts.bought(user);
    let line = format!(
        "\u{feff}{{\"item\": \"fresh\", \"events\": [{{\"user\": \"{user}\", \"behavior\": \"view\"}}]}}\n"
    );
    work.write("new.jsonl", line);
    let asked = [
        "recommend",
        "lightgcn",
        user,
        "-k",
        "100000",
        "--new-items",
        "new.jsonl",
    ];
    let answer = work.json(&asked);
    let items = answer["answers"][0]["items"].as_array().unwrap();
    let fresh = items.iter().find(|item| item["item"] == "fresh").unwrap();
    assert_eq!(fresh["source"], json!("fold_in"));
    assert!(!history.contains("fresh"));
    assert_messages();
}
