use super::*;

fn found(lines: &[&str]) -> Option<Evidence> {
    let mut shape = Shape::new(1_767_225_600);
    let mut numbers = 1..;
    lines
        .iter()
        .for_each(|line| shape.add(numbers.next().unwrap_or(0), line));
    shape.evidence()
}

fn evidence(lines: &[&str]) -> Option<String> {
    found(lines).map(|evidence| evidence.looks)
}

/// `n` lines of a log of ratings.
fn ratings(n: usize) -> Vec<String> {
    let line = |n: usize| format!("{}\t{}\t{}\t{}", n / 3, 100 + n, 1 + n % 5, 881_250_949 + n);
    (0..n).map(line).collect()
}

#[test]
fn tables_of_events_give_themselves_away() {
    for lines in [
        &[
            "0\t1\t5\t881250949",
            "0\t2\t3\t881250950",
            "1\t2\t4\t881250951",
        ][..],
        &[
            "1 7 1569888000123",
            "1 8 1569888000124",
            "2 7 1569888000125",
        ],
        &["1 1569888000 7", "1 1569888001 8", "2 1569888002 7"],
        &["u i 2019-10-01", "v i 2019-10-02", "v j 2019-10-03"],
        &[
            "user item time",
            "1 7 978300760",
            "1 8 978300761",
            "2 7 978300762",
        ],
        &["1 700 4.5", "1 800 3", "1 900 5", "2 700 1"],
        &[
            "user item rating",
            "1 700 4.5",
            "1 800 3",
            "1 900 5",
            "2 700 1",
        ],
        // Play counts, as in LastFM's data.
        &["userID\tartistID\tweight", "2\t51\t13883", "2\t52\t11690"],
        &[
            "userID artistID weight",
            "u2 a51 13883",
            "u3 a52 11690",
            "u4 a51 12",
        ],
        &["19 32 view", "20 33 view", "21 32 add_to_cart"],
        &[
            "u19 i32 view",
            "u19 i33 view",
            "u20 i32 cart",
            "u20 i34 view",
        ],
        &["u:5 i:59 r:3", "u:6 i:60 r:4", "u:7 i:59 r:5"],
        // Ratings written as floats.
        &["1 700 4.0", "2 800 3.0", "3 900 5.0"],
        &[
            "user=5 item=59 rating=3",
            "user=5 item=60 rating=4",
            "user=6 item=59 rating=5",
        ],
        &["1 10 20191001", "1 11 20191002", "2 10 20191003"],
        &[
            "1 10 20191001003059",
            "2 11 20191002003059",
            "3 10 20191003003059",
        ],
        // A rating and a count of days, likes and dislikes.
        &[
            "1 10 5 18170",
            "1 11 4 18171",
            "2 10 3 18172",
            "3 12 1 18173",
        ],
        &["1 700 -1", "1 800 1", "2 700 -1", "2 900 1"],
    ] {
        assert!(evidence(lines).is_some(), "{lines:?}");
    }
}

#[test]
fn pairs_do_not() {
    for lines in [
        &["1 2 3", "4 5 6"][..],
        &["1 2 3", "4 5 6", "7 8 9", "1 3 2"],
        &["1 881250949", "2 881250950", "3 881250951"],
        &["1 5 881250949", "2 6 881250950", "3 7 881250951 9"],
        // Ids of ten digits.
        &[
            "1 1300000001 1300000002",
            "2 1300000003 1300000004",
            "3 1300000005 1300000006",
        ],
        // Ids of eight digits that are no dates.
        &[
            "1 30000001 20191301",
            "1 30000002 20191302",
            "2 30000003 20191303",
        ],
        &["1 700 4", "2 800 3", "3 900 5", "4 700 1"],
        &["ann a b", "bob b c", "eve c d", "zoe a d"],
        &["u1 i1 soap", "u2 i2 milk", "u3 i3 tea"],
        &["u:1 i:1 i:2", "u:2 i:3 i:4", "u:2 i:5 i:6"],
        &["ann 1 2", "bob 3 4", "eve 5 6"],
        &["1 i1 7", "2 8 i2", "3 i1 i2"],
        &["1 i1 i7", "2 8 i2", "3 i1 i2"],
        &["zoe b 1", "ann 1 b", "bob 2 c"],
        &["user a", "1 2", "3 4"],
        &[],
    ] {
        assert_eq!(evidence(lines), None, "{lines:?}");
    }
}

#[test]
fn a_header_is_no_user() {
    for header in [
        "user item item",
        "user item",
        "User_ID item_id",
        "userId items",
        "user item1 item2 ...",
        "user_id:token item_id:token",
        "uid iid iid iid",
        "userId\tmovieId",
        "customer_id article_id",
        "visitorid itemid",
    ] {
        for lines in [&["1 2 3", "4 5", "6 7 8 9"][..], &["ann b c", "eve c"], &[]] {
            let found = found(&[&[header], lines].concat()).unwrap();
            assert_eq!((found.line, found.advice), (1, REMOVE_HEADER), "{header}");
        }
    }
    // Ids, and a header that is not in the first line.
    for lines in [
        &["user1 item1 item2", "user2 item2"][..],
        &["user a b", "ann a"],
        &["user", "ann a"],
        &["ann item item7", "bob item"],
        &["ann a", "user item item"],
    ] {
        assert_eq!(evidence(lines), None, "{lines:?}");
    }
}

#[test]
fn lengths_of_lists_are_no_items() {
    let found = found(&["0 3 7 8 9", "1 1 7", "2 2 9 8", "3 0"]).unwrap();
    assert_eq!((found.line, found.advice), (1, LEAVE_OUT_COUNTS));
    assert_eq!(evidence(&["0 3 7 8 9", "1 1 7", "2 5 9 8", "3 7"]), None);
    assert_eq!(evidence(&["0 1 7"]), None);
}

#[test]
fn odd_lines_do_not_hide_a_table() {
    for odd in [
        "7\t8\t3",
        "7",
        "total 40 lines of ratings",
        "7\t8\t3\tyesterday",
        "x y z w",
    ] {
        for (n, at) in [(4, 3), (8, 7), (8, 0), (100, 50), (100, 0), (100, 99)] {
            let mut lines = ratings(n);
            lines[at] = odd.to_owned();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let found = found(&lines).unwrap_or_else(|| panic!("{odd:?} at {at} of {n}"));
            let first = if at == 0 { 2 } else { 1 };
            assert_eq!(found.line, first, "{odd:?} at {at} of {n}");
            assert_eq!(found.advice, READ_RATINGS);
        }
    }
    // One odd line in twenty and no more.
    let mut lines = ratings(100);
    for at in 0..6 {
        lines[10 * at] = "1 2".to_owned();
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(evidence(&lines), None);
}

#[test]
fn dates_are_no_users_and_no_items() {
    for lines in [
        &[
            "2019-10-01 view 7",
            "2019-10-01 cart 7 8",
            "2019-10-02 view 9",
        ][..],
        &[
            "time user",
            "2019-10-01T08:00:00Z 7",
            "2019-10-01T08:00:01Z 8",
        ],
        &["2019-10-01 1 2 3"],
    ] {
        let advice = found(lines).map(|evidence| evidence.advice);
        assert_eq!(advice, Some(READ_EVENTS), "{lines:?}");
    }
    assert!(evidence(&["1 2019-10-01", "2 2019-10-01", "1 2019-10-03"]).is_some());
    // Numbers of ten digits may be ids.
    assert_eq!(
        evidence(&["1300000001 5 6", "1300000002 7", "1300000003 8 9"]),
        None
    );
}

#[test]
fn values_and_comments_are_found() {
    let libsvm = found(&["1 5:1 7:0.5", "0 3:1", "1 9:2"]);
    assert_eq!(libsvm, Some(super::libsvm(1, "5:1")));
    let ended = found(&["1 2 3", "#end of part one", "4 5 6"]);
    assert_eq!(ended, Some(comment(2, "#end")));
    let weights = found(&["1 7 0.25", "2 8 0.5", "3 9 0.125"]);
    let weights = weights.map(|found| (found.line, found.advice));
    assert_eq!(weights, Some((1, READ_EVENTS)));
    assert_eq!(evidence(&["#1 #2 #3", "#2 #4", "#5 #6 #7"]), None);
    assert_eq!(evidence(&["a:1 5:1 7:1", "b:1 3:1", "c:2 9:2"]), None);
}
