use super::*;

fn row(outbox_id: i64) -> OutboxRow {
    OutboxRow {
        outbox_id,
        boot_id: "b".into(),
        session_id: None,
        kind: "event/x".into(),
        at: 0,
        is_clock_set: true,
        payload: serde_json::json!({}),
    }
}

fn chosen(window: &mut OutboxWindow, ids: &[i64], limit: u32, newest: i64) -> Vec<i64> {
    let rows = ids.iter().map(|id| row(*id)).collect();
    let rows = window.choose(rows, limit, newest, Instant::now());
    let ids: Vec<i64> = rows.iter().map(|row| row.outbox_id).collect();
    ids.iter().for_each(|id| window.sent(*id, "event/x"));
    ids
}

fn message(published: Published) -> Sent {
    Sent { published, topic: format!("{published:?}"), about: String::new(), bytes: 1 }
}

#[test]
fn a_number_belongs_to_the_oldest_message_without_one() {
    let mut packets = InflightPackets::default();
    let published = |sent: Option<Sent>| sent.map(|sent| sent.published);
    packets.published(message(Published::Row(7)));
    packets.published(message(Published::Other));
    packets.left(0);
    packets.left(3);
    packets.left(4);
    assert_eq!(published(packets.answered(4)), Some(Published::Other));
    assert_eq!(published(packets.answered(3)), Some(Published::Row(7)));
    assert_eq!(packets.answered(3), None);
    packets.published(message(Published::Row(8)));
    packets.lose();
    packets.left(1);
    assert_eq!(packets.answered(1), None);
}

#[test]
fn what_is_lost_with_a_connection_is_what_had_left_in_that_order() {
    let mut packets = InflightPackets::default();
    packets.subscribing();
    (0..40).for_each(|id| packets.published(message(Published::Row(id))));
    (1..=30).for_each(|packet_id| packets.left(packet_id));
    packets.answered(2);
    let lost = packets.lose().into_iter().map(|sent| sent.suspect());
    let expected = (0..30).filter(|id| *id != 1).map(Suspect::Row);
    assert!(lost.eq(expected));
    assert!(!packets.is_quiet() && packets.lose_subscription() && packets.is_quiet());
}

#[tokio::test]
async fn a_new_connection_begins_with_the_oldest_that_is_not_acknowledged() {
    let (now, mut window) = (Instant::now(), OutboxWindow::new(3));
    assert_eq!(window.look_after(5, now), Some(0));
    assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 5), [1, 2, 3]);
    assert_eq!(window.room(now), 0);
    window.acknowledged(2);
    assert_eq!((window.room(now), window.look_after(5, now)), (1, Some(3)));
    assert_eq!(chosen(&mut window, &[4], 1, 5), [4]);
    window.restart(3);
    assert_eq!(window.look_after(5, now), Some(0));
    assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 5), [1, 3], "2 is only not deleted yet");
    window.deleted(&[2]);
    assert!(window.done().is_empty());
}

#[tokio::test]
async fn rows_that_are_gone_are_not_looked_for_again() {
    let (now, mut window) = (Instant::now(), OutboxWindow::new(3));
    assert!(chosen(&mut window, &[], 3, 9).is_empty());
    assert_eq!(window.look_after(9, now), None);
    assert_eq!(window.look_after(10, now), Some(9));
    window.put_back(4);
    assert_eq!(window.look_after(9, now), Some(3));
}

fn refusal(code: u8) -> Refusal {
    Refusal::of_code(code)
}

#[tokio::test]
async fn a_row_that_is_refused_for_its_own_fault_is_set_aside_and_the_others_go_on() {
    let (now, mut window) = (Instant::now(), OutboxWindow::new(3));
    chosen(&mut window, &[1, 2], 3, 2);
    assert_eq!(window.refused(1, &refusal(0x95), now), Outcome::SetAside);
    window.acknowledged(2);
    assert_eq!((window.done(), window.wakes_at()), (vec![2], None));
    window.restart(3);
    assert!(chosen(&mut window, &[1, 2], 3, 2).is_empty(), "its mark is on the way");
    window.marked(1);
    window.look_again();
    assert_eq!(window.look_after(2, now), Some(0), "released, so sent again");
    assert_eq!(chosen(&mut window, &[1, 2], 3, 2), [1]);
}

#[tokio::test]
async fn an_unclear_refusal_counts_only_where_the_broker_takes_others() {
    let (mut now, mut window) = (Instant::now(), OutboxWindow::new(3));
    chosen(&mut window, &[1], 3, 1);
    for _ in 0..9 {
        assert_eq!(window.refused(1, &refusal(0x83), now), Outcome::Waits);
        now = window.wakes_at().expect("it waits");
        assert_eq!(window.look_after(1, now), Some(0));
        assert_eq!(chosen(&mut window, &[1], 1, 1), [1]);
    }
    let mut outcome = Outcome::Waits;
    for _ in 1..MAX_UNCLEAR {
        assert_eq!(outcome, Outcome::Waits);
        window.taken();
        outcome = window.refused(1, &refusal(0x83), now);
        window.sent(1, "event/x");
    }
    assert_eq!(outcome, Outcome::SetAside);
}

#[tokio::test]
async fn a_kind_without_rights_waits_behind_one_that_tries_and_others_go_on() {
    let (now, mut window) = (Instant::now(), OutboxWindow::new(3));
    chosen(&mut window, &[1, 2, 3], 3, 200);
    for id in 1..=3 {
        assert_eq!(window.refused(id, &refusal(0x87), now), Outcome::Waits);
    }
    let rows: Vec<i64> = (4..=100).collect();
    assert!(chosen(&mut window, &rows, 200, 200).is_empty(), "all are of that kind");
    let other = OutboxRow { kind: "summary".into(), ..row(101) };
    assert_eq!(window.choose(vec![other], 1, 200, now).len(), 1);
    assert_eq!(window.blocked_kinds().collect::<Vec<_>>(), ["event/x"]);
    let all: Vec<OutboxRow> = (1..=100).map(row).collect();
    let mut then = now;
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let due = window.wakes_at().expect("one tries again");
        pauses.push(due - then);
        then = due;
        assert_eq!(window.look_after(200, then), Some(0));
        let tries = window.choose(all.clone(), 200, 200, then);
        assert_eq!(tries.iter().map(|row| row.outbox_id).collect::<Vec<_>>(), [1]);
        window.sent(1, "event/x");
        window.refused(1, &refusal(0x87), then);
    }
    assert!(pauses.is_sorted() && pauses[2] > pauses[0] * 3, "{pauses:?}");
    let due = window.wakes_at().expect("one tries again");
    window.look_after(200, due);
    window.choose(all.clone(), 200, 200, due);
    // There was no room for the row chosen to try, nor for those before it.
    window.put_back(1);
    assert_eq!(window.choose(all.clone(), 200, 200, due).len(), 1);
    window.sent(1, "event/x");
    window.acknowledged(1);
    assert!(window.look_after(200, due).is_some_and(|after| after <= 1));
    let rest = window.choose(all, 200, 200, due).into_iter().map(|row| row.outbox_id);
    assert!(rest.eq(2..=100), "now it may: the rest, in order");
}

#[tokio::test]
async fn a_busy_broker_is_asked_less_and_less_and_not_always_for_the_same() {
    let (mut now, mut window) = (Instant::now(), OutboxWindow::new(3));
    chosen(&mut window, &[1], 1, 2);
    assert_eq!(window.refused(1, &refusal(0x97), now), Outcome::Waits);
    assert_eq!(window.room(now), 0);
    assert!(window.is_busy());
    now = window.wakes_at().expect("pauses");
    assert_eq!((window.room(now), window.look_after(2, now)), (1, Some(1)), "another");
    assert_eq!(chosen(&mut window, &[2], 1, 2), [2]);
    window.acknowledged(2);
    assert!(!window.is_busy());
    assert_eq!(window.look_after(2, now), Some(0), "it takes something: the oldest first");
    assert_eq!(chosen(&mut window, &[1, 2], 3, 2), [1]);
}

#[tokio::test]
async fn rows_without_a_subscriber_are_sent_again_in_order_and_block_no_others_for_ever() {
    let (mut now, mut window) = (Instant::now(), OutboxWindow::new(3));
    chosen(&mut window, &[1, 2, 3], 3, 4);
    [1, 2, 3].into_iter().for_each(|id| window.no_subscriber(id, now));
    assert_eq!(window.room(now), 0);
    for probe in 0..MOST_PROBES {
        now = window.wakes_at().expect("is paused");
        assert_eq!((window.room(now), window.look_after(4, now)), (1, Some(0)), "{probe}");
        assert_eq!(chosen(&mut window, &[1], 1, 4), [1]);
        window.no_subscriber(1, now);
    }
    now += Duration::from_secs(60);
    assert_eq!(window.look_after(4, now), Some(0));
    assert_eq!(chosen(&mut window, &[1], 1, 4), [1]);
    window.no_subscriber(1, now);
    assert_eq!(window.look_after(4, now), Some(1), "the next has its turn");
    assert_eq!(chosen(&mut window, &[2], 1, 4), [2]);
    window.acknowledged(2);
    assert_eq!(window.look_after(4, now), Some(0), "a subscriber: the oldest first");
    assert_eq!(chosen(&mut window, &[1, 2, 3], 3, 4), [1, 3]);
}

#[tokio::test]
async fn the_rate_is_kept() {
    let began = Instant::now();
    let (mut rate, mut now, mut sent) = (Rate::new(200, began), began, 0_usize);
    while now < began + Duration::from_secs(10) {
        for _ in 0..rate.allowed(now) {
            rate.spend();
            sent += 1;
        }
        now += Duration::from_millis(7);
    }
    assert!((2000..=2021).contains(&sent), "{sent}");
    rate.hold_until(now + Duration::from_secs(1));
    assert_eq!(rate.allowed(now + Duration::from_millis(900)), 0);
    assert!(rate.next_at() > now + Duration::from_secs(1));
}
