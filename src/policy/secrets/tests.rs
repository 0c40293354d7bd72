use proptest::prelude::*;

use super::*;

fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().map(|b| u64::from(*b == b'\n')).sum()
}

const TABLE: &str = include_str!("../../../assets/secrets.toml");

fn scanner() -> Scanner {
    Scanner::compile("embedded", TABLE).unwrap()
}

#[test]
fn every_rule_passes_its_own_examples_and_the_table_is_not_small() {
    let scanner = scanner();
    assert!(scanner.rules.len() >= 250, "{}", scanner.rules.len());
    let failed: Vec<String> = scanner
        .rules
        .iter()
        .filter_map(|rule| rule.compile().err())
        .map(|error| error.to_string())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let mut ids: Vec<&str> = scanner.rules.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), scanner.rules.len(), "an id stands twice");
}

#[test]
fn every_example_of_every_rule_is_found_through_the_keywords() {
    let scanner = scanner();
    for rule in &scanner.rules {
        for example in rule.examples() {
            let line = fill(example);
            let redacted = scanner.redact(&line);
            let hits = scanner.scan(&line, rule.effect);
            assert!(!hits.is_empty(), "{}: {example}", rule.id);
            assert!(
                rule.effect == Effect::Note || redacted.contains(MASK),
                "{}: {redacted}",
                rule.id
            );
        }
    }
}

#[test]
fn a_rule_that_fails_its_examples_takes_every_text_with_its_keyword_for_a_secret() {
    for pattern in ["never", "("] {
        let table = format!(
            "[[rule]]\nid = \"x\"\nwhy = \"w\"\nkeywords = [\"abc_\"]\npattern = '{pattern}'\nmust_match = [\"abc_{{digit:9}}\"]\nmust_not_match = []\n"
        );
        let scanner = Scanner::compile("test", &table).unwrap();
        assert_eq!(scanner.scan("harmless ABC_ text", Effect::Block).len(), 1);
        assert_eq!(scanner.redact("harmless ABC_ text"), "[secret: x]");
        assert!(scanner.scan("harmless text", Effect::Block).is_empty());
    }
}

#[test]
fn a_table_that_could_not_be_searched_is_refused_at_load() {
    let rule = |keywords: &str, rest: &str| {
        let table = format!(
            "[[rule]]\nid = \"x\"\nwhy = \"w\"\nkeywords = {keywords}\nmust_match = [\"abc\"]\nmust_not_match = []\n{rest}"
        );
        Scanner::compile("test", &table)
    };
    assert!(rule("[\"abc\"]", "pattern = 'abc'").is_ok());
    assert!(rule("[]", "pattern = 'abc'").is_err());
    assert!(rule("[\"Abc\"]", "pattern = 'abc'").is_err());
    assert!(rule("[\"a\"]", "pattern = 'abc'").is_err());
    assert!(rule("[\"abc\"]", "").is_err());
    assert!(rule("[\"abc\"]", "pattern = 'abc'\nvalue = 'x'").is_err());
    assert!(rule("[\"abc\"]", "pattern = 'abc'\nunknown = 1").is_err());
}

#[test]
fn a_hit_never_holds_the_secret() {
    let token = fill("ghp_{alnum:36}");
    let hits = scanner().scan(&format!("x = \"{token}\" # gitleaks:allow"), Effect::Block);
    assert_eq!(hits.len(), 1);
    assert!(!format!("{hits:?}").contains(&token));
    assert_eq!(hits[0].masked(), "[secret: github-token]");
}

#[test]
fn redaction_masks_every_secret_and_keeps_the_rest() {
    let text = format!(
        "a {} b\n{} c\ncurl -H \"Authorization: Bearer TOKEN\"\n tests/test_x.py:12: E",
        fill("ghp_{alnum:36}"),
        fill("https://user:{alnum:16}@example.com/x")
    );
    assert_eq!(
        scanner().redact(&text),
        "a [secret: github-token] b\nhttps://user:[secret: password-in-url]@example.com/x c\n\
         curl -H \"Authorization: Bearer [secret: authorization-header-words]\"\n tests/test_x.py:12: E"
    );
}

#[test]
fn a_whole_private_key_is_masked() {
    let key = "{dash:5}BEGIN RSA PRIVATE KEY{dash:5}\n{base64:64}\n{base64:20}\n{dash:5}END RSA PRIVATE KEY{dash:5}";
    let one_line = key.replace('\n', "\\n");
    for key in [key, one_line.as_str()] {
        assert_eq!(
            scanner().redact(&fill(&format!("x\n{key}\ny"))),
            "x\n[secret: private-key]\ny"
        );
    }
    let open =
        fill("x {dash:5}BEGIN RSA PRIVATE KEY{dash:5}\n{base64:64}\n{base64:64}\nwords after it");
    assert_eq!(
        scanner().redact(&open),
        "x [secret: private-key]\nwords after it"
    );
}

#[test]
fn plain_words_and_examples_are_no_secret() {
    for line in [
        "secret_key = \"predictable-key\"",
        "Signer(\"my-very-long-secret-key-for-tests\")",
        "SECRET_KEY = 'this-is-a-test-secret-key'",
        "password = \"correct-horse-battery-staple\"",
        "def token_from_header(self): pass",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        assert_eq!(scanner().scan(line, Effect::Block), [], "{line}");
    }
}

/// Feeds a text to a stream in pieces of the given lengths.
fn streamed(text: &str, lengths: &[usize]) -> (String, Vec<(u64, String)>) {
    let mut mask = StreamMask::new(crate::policy::floor::Floor::embedded().unwrap());
    let mut out = Vec::new();
    let mut found = Vec::new();
    let mut lines = 0;
    let mut rest = text.as_bytes();
    let mut lengths = lengths.iter().copied().cycle();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let before = out.len();
        for hit in mask.mask(&rest[..length], &mut out) {
            found.push((lines + hit.line, hit.rule));
        }
        lines += line_feeds(&out[before..]);
        rest = &rest[length..];
    }
    (String::from_utf8(out).unwrap(), found)
}

#[test]
fn a_stream_is_masked_line_by_line_with_the_number_of_the_line() {
    let token = fill("ghp_{alnum:36}");
    let text = format!("one\n two {token} x\r\nthree\rE  assert '{token}'\nfour");
    let (out, found) = streamed(&text, &[text.len()]);
    let masked = "[secret: github-token]";
    assert_eq!(
        out,
        format!("one\n two {masked} x\r\nthree\rE  assert '{masked}'\nfour")
    );
    assert_eq!(
        found,
        [
            (1, "github-token".to_owned()),
            (2, "github-token".to_owned())
        ]
    );
}

#[test]
fn a_key_is_masked_over_the_lines_of_a_stream_however_it_is_framed() {
    let key = fill(
        "E   {dash:5}BEGIN RSA PRIVATE KEY{dash:5}\nE   Proc-Type: 4,ENCRYPTED\nE   \nE   {base64:64}\nE   {base64:7}=\nE   {dash:5}END RSA PRIVATE KEY{dash:5} tail\nafter {base64:20}\n",
    );
    let (out, found) = streamed(&key, &[key.len()]);
    let m = "[secret: private-key]";
    assert!(out.starts_with(&format!("E   {m}\n{m}\n")), "{out}");
    assert!(out.contains(&format!("{m} tail\nafter ")), "{out}");
    assert_eq!(found.len(), 1);
    let body = key.lines().nth(3).unwrap().trim_start_matches("E   ");
    assert!(!out.contains(body));
    let lone = format!(
        "{}BEGIN PRIVATE KEY{} is how it begins\nplain words follow\n",
        "-".repeat(5),
        "-".repeat(5)
    );
    let (out, _) = streamed(&lone, &[lone.len()]);
    assert!(out.ends_with("plain words follow\n"), "{out}");
}

#[test]
fn a_secret_in_two_pieces_of_a_line_is_masked_from_where_it_is_known() {
    let token = fill("ghp_{alnum:36}");
    let text = format!("x={token}yes\n");
    let end = |n: usize| token.split_at(n).1;
    let (out, found) = streamed(&text, &[5, 1000]);
    assert!(!out.contains(end(10)), "{out}");
    assert_eq!(found.len(), 1);
    // Cut inside a token that was known before its end.
    let (out, _) = streamed(&text, &[43, 1000]);
    assert!(!out.contains(end(38)), "{out}");
}

proptest! {
    #[test]
    fn redacting_twice_is_redacting_once(text in "(?s)([a-z:=\"' \n]{0,12}(password|token|Authorization: Bearer |://a:|--token |ghp_[A-Za-z0-9]{36}|-{5}BEGIN PRIVATE KEY-{5}|secret)[ =:\"']{0,3}[A-Za-z0-9/@.]{0,40}){1,4}") {
        let scanner = scanner();
        let once = scanner.redact(&text).into_owned();
        prop_assert_eq!(scanner.redact(&once), once.as_str());
    }

    #[test]
    fn a_stream_of_whole_lines_does_not_depend_on_its_pieces(
        lines in proptest::collection::vec("(token|x|password: )?[a-zA-Z0-9 ='\"]{0,60}(é|ghp_[A-Za-z0-9]{36})?[\n\r]", 0..12),
        cut in 0_usize..12,
    ) {
        let text = lines.concat();
        let cut: usize = lines.iter().take(cut).map(String::len).sum();
        let whole = streamed(&text, &[text.len().max(1)]);
        let pieces = streamed(&text, &[cut.max(1), text.len().max(1)]);
        if cut > 0 {
            prop_assert_eq!(&whole, &pieces);
        }
    }

    #[test]
    fn any_bytes_pass_a_stream_without_a_crash(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
        let mut mask = StreamMask::new(crate::policy::floor::Floor::embedded().unwrap());
        let mut out = Vec::new();
        let cut = cut.min(bytes.len());
        mask.mask(&bytes[..cut], &mut out);
        mask.mask(&bytes[cut..], &mut out);
    }
}
