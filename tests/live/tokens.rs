//! Roles, expiry, revocation, and sessions that belong to a token.

use std::time::Instant;

use boothd::store::TokenId;

use super::*;

fn minute_from_now(doors: &Doors) -> i64 {
    doors.clock.unix_ms() + 60_000
}

async fn auth_error(doors: &Doors, session_id: &str, token: &str) -> String {
    let mut client = doors.client().await;
    client.send_json(auth(session_id, token)).await;
    let error = client.expect("auth_error").await;
    assert_eq!(error["data"], "token验证失败");
    error["code"].as_str().unwrap().to_owned()
}

/// Waits until the server's view of the tokens knows that this one is over.
async fn known_as_over(doors: &Doors, id: TokenId) {
    let now = doors.clock.unix_ms();
    let mut tokens = doors.store.tokens();
    drop(tokens.wait_for(|book| book.still_valid(id, now).is_err()).await.unwrap());
}

#[tokio::test]
async fn a_token_that_is_revoked_closes_its_sockets() {
    let doors = Doors::open(patient()).await;
    let (id, secret) = doors.token(Role::Operator).await;
    let mut client = doors.let_in("s1", &secret).await;
    let mut other = doors.watcher().await;
    doors.store.revoke_token(id, "test").await.unwrap();
    assert_eq!(client.close_code().await, 4401);
    known_as_over(&doors, id).await;
    assert_eq!(auth_error(&doors, "s1", &secret).await, "token_revoked");
    doors.publish_frame(1);
    other.expect("visual_analysis").await;
}

#[tokio::test]
async fn a_token_that_expires_is_no_longer_accepted() {
    let doors = Doors::open(patient()).await;
    let expires_at = Some(minute_from_now(&doors));
    let (_, secret) = doors.token_for(Role::Operator, None, expires_at).await;
    let mut client = doors.let_in("s1", &secret).await;
    doors.clock.advance(Duration::from_secs(61));
    client.send_json(json!({ "type": "ping" })).await;
    assert_eq!(client.close_code().await, 4401);
    assert_eq!(auth_error(&doors, "s1", &secret).await, "token_expired");
}

#[tokio::test]
async fn a_token_that_expires_closes_even_a_silent_socket() {
    let doors = Doors::open(patient()).await;
    let expires_at = Some(doors.clock.unix_ms() + 200);
    let (_, secret) = doors.token_for(Role::Viewer, None, expires_at).await;
    let mut client = doors.let_in("s1", &secret).await;
    assert_eq!(client.close_code().await, 4401);
}

fn start() -> Value {
    let data = json!({ "notice_version": "7", "consent_at": "2027-01-15T08:00:00Z" });
    json!({ "type": "start_session", "data": data })
}

/// Until the id is free, as the server sees that its last holder has left.
async fn let_in_later(doors: &Doors, session_id: &str, token: &str) -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut client = doors.client().await;
        client.send_json(auth(session_id, token)).await;
        if client.next_json().await["type"] == "auth_success" {
            return client;
        }
        assert!(Instant::now() < deadline, "{session_id} stays another's");
    }
}

#[tokio::test]
async fn a_session_belongs_to_the_first_guest_while_it_is_there_and_for_good_once_begun() {
    let doors = Doors::open(patient()).await;
    let (_, mine) = doors.token(Role::Guest).await;
    let (_, thief) = doors.token(Role::Guest).await;
    let mut first = doors.let_in("a", &mine).await;
    assert_eq!(auth_error(&doors, "a", &thief).await, "wrong_session");
    let second = doors.let_in("a", &mine).await;
    doors.let_in("a", TOKEN).await;
    first.send_json(start()).await;
    first.wait_for("session_started").await;
    drop((first, second));
    // Its stream waits for it; once that is closed, the session's row has the owner.
    assert_eq!(auth_error(&doors, "a", &thief).await, "wrong_session");
    doors.clock.advance(Duration::from_secs(120));
    let deadline = Instant::now() + PATIENCE;
    while doors.store.session("a").await.unwrap().unwrap().ended_at.is_none() {
        assert!(Instant::now() < deadline, "the stream is not closed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(auth_error(&doors, "a", &thief).await, "wrong_session");
    doors.let_in("a", &mine).await;
}

#[tokio::test]
async fn a_name_that_is_only_claimed_leaves_no_row_and_is_free_again() {
    let doors = Doors::open(patient()).await;
    let (_, squatter) = doors.token(Role::Guest).await;
    let (_, honest) = doors.token(Role::Guest).await;
    let mut client = doors.client().await;
    for name in 0..200 {
        client.send_json(auth(&format!("candidate-{name}"), &squatter)).await;
        assert_eq!(client.expect("auth_success").await["type"], "auth_success");
    }
    assert_eq!(doors.rows("session_binding"), 0);
    doors.let_in("candidate-7", &honest).await;
    assert_eq!(auth_error(&doors, "candidate-199", &honest).await, "wrong_session");
    doors.clock.advance(Duration::from_secs(60));
    doors.let_in("candidate-199", &honest).await;
    assert_eq!(client.close_code().await, 4409, "who sits on a name loses it");
    let client = doors.let_in("candidate-200", &squatter).await;
    drop(client);
    let_in_later(&doors, "candidate-200", &honest).await;
}

#[tokio::test]
async fn a_token_made_for_a_session_takes_it_from_another_client() {
    let doors = Doors::open(patient()).await;
    let (_, squatter) = doors.token(Role::Guest).await;
    let mut squatting = doors.let_in("only", &squatter).await;
    let (_, meant) = doors.token_for(Role::Guest, Some("only"), None).await;
    doors.let_in("only", &meant).await;
    assert_eq!(squatting.close_code().await, 4409);
    assert_eq!(auth_error(&doors, "only", &squatter).await, "wrong_session");
}

#[tokio::test]
async fn a_guests_pauses_cannot_bury_what_operators_did() {
    let doors = Doors::open(patient()).await;
    let (_, guest) = doors.token(Role::Guest).await;
    doors.store.audit("Anna", "token.add", "token 9", "").await.unwrap();
    let mut client = doors.let_in("laptop", &guest).await;
    for n in 0..300 {
        let kind = if n % 2 == 0 { "pause_session" } else { "resume_session" };
        client.send_json(json!({ "type": kind })).await;
    }
    client.send_json(json!({ "type": "get_status" })).await;
    client.wait_for("status").await;
    let log = doors.store.audit_log(500).await.unwrap();
    let of = |actor: &str| log.iter().filter(|entry| entry.actor == actor).count();
    assert_eq!((of("a Guest"), of("Anna")), (20, 1));
    assert!(
        log.iter().all(|entry| entry.actor != "a Guest" || entry.object == "session laptop")
    );
    doors.clock.advance(Duration::from_secs(300));
    let deadline = Instant::now() + PATIENCE;
    let last = loop {
        let last = doors.store.audit_log(1).await.unwrap().remove(0);
        if last.action == "guest.unlisted" || Instant::now() > deadline {
            break last;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(last.detail, "280 more pauses, resumes and switches");
}

#[tokio::test]
async fn a_token_made_for_a_session_opens_no_other() {
    let doors = Doors::open(patient()).await;
    let (_, bound) = doors.token_for(Role::Guest, Some("only"), None).await;
    assert_eq!(auth_error(&doors, "other", &bound).await, "wrong_session");
    doors.let_in("only", &bound).await;
}

#[tokio::test]
async fn a_session_has_a_plain_id_and_is_never_called_as_the_booth_is() {
    let doors = Doors::open(patient()).await;
    let (_, guest) = doors.token(Role::Guest).await;
    let long = "x".repeat(65);
    let wrong = ["booth", "BOOTH", "..", ".", "a/b", "käse 1", "x\u{ffff}", "\u{202e}x", &long];
    for wrong in wrong {
        for token in [&*guest, TOKEN] {
            let mut client = doors.client().await;
            client.send_json(auth(wrong, token)).await;
            let error = client.expect("auth_error").await;
            assert_eq!(error["code"], "invalid_session_id", "{wrong:?}");
            let sentence = error["data"].as_str().unwrap();
            assert!(sentence.contains("1 to 64 letters"), "{sentence}");
            client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
            client.expect_error("unauthorized").await;
        }
    }
    let mut client = doors.client().await;
    client.send_json(auth("booth", "wrong")).await;
    assert_eq!(client.expect("auth_error").await["code"], "invalid_token", "rights first");
    doors.let_in("interview_abc", &guest).await;
}

#[tokio::test]
async fn a_token_of_an_older_database_for_the_session_booth_watches_nothing() {
    let doors = Doors::open(patient()).await;
    let (_, secret) = doors.token_for(Role::Viewer, Some("only"), None).await;
    doors.rename_session_of_tokens("booth").await;
    let bearer = format!("Bearer {secret}");
    let (mut client, _) = connect_with(&doors, "authorization", &bearer).await.unwrap();
    client.expect("connected").await;
    assert_eq!(client.close_code().await, 4401);
    let mut client = doors.client().await;
    client.send_json(auth("booth", &secret)).await;
    assert_eq!(client.expect("auth_error").await["code"], "invalid_session_id");
}

#[tokio::test]
async fn each_role_has_its_rights() {
    let doors = Doors::open(patient()).await;
    let (_, viewer) = doors.token(Role::Viewer).await;
    let (_, guest) = doors.token(Role::Guest).await;
    let off = json!({ "type": "configure", "data": { "features": { "gaze": false } } });

    let mut sees = doors.let_in("v", &viewer).await;
    sees.send(Message::binary([&[1][..], &[0; 20]].concat())).await;
    sees.expect_error("forbidden").await;
    sees.send_json(json!({ "type": "end_session" })).await;
    sees.expect_error("forbidden").await;
    let mut sees = doors.watching(sees).await;
    sees.send_json(off.clone()).await;
    sees.expect_error("forbidden").await;

    let mut sends = doors.let_in("g", &guest).await;
    sends.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    sends.expect_error("forbidden").await;
    sends.send_json(off).await;
    sends.wait_for("state").await;

    let success = doors.client().await;
    let mut success = success;
    success.send_json(auth("g", &guest)).await;
    assert_eq!(success.expect("auth_success").await["data"]["role"], "guest");
}

#[tokio::test]
async fn media_before_auth_is_refused() {
    let doors = Doors::open(patient()).await;
    let mut client = doors.client().await;
    client.send(Message::binary([&[1][..], &[0; 20]].concat())).await;
    client.expect_error("unauthorized").await;
    client.send_json(json!({ "type": "video_frame", "data": { "frame": "data:" } })).await;
    client.expect_error("unauthorized").await;
    client.send_json(json!({ "type": "x", "data": "y".repeat(20_000) })).await;
    assert_eq!(client.close_code().await, 1009);
}
