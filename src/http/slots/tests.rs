use super::*;

fn network(text: &str) -> Network {
    Network::of(text.parse().unwrap())
}

fn take(pool: &Arc<SlotPool>, address: &str) -> (Slot, Option<Owner>) {
    pool.take(Owner::Network(network(address)), Arc::default())
}

#[test]
fn one_network_is_an_ipv4_address_or_64_bits() {
    assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    assert_ne!(network("10.0.0.2"), network("10.0.0.1"));
    assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
    assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    assert_eq!(network("2001:db8::1").to_string(), "2001:db8::/64");
}

#[test]
fn the_oldest_of_who_holds_most_goes_for_a_newcomer() {
    let pool = SlotPool::new(4);
    let held: Vec<_> = ["10.0.0.1", "127.0.0.1", "127.0.0.1"].map(|a| take(&pool, a)).into();
    assert!(held.iter().all(|(_, loser)| loser.is_none()));
    let (_fourth, loser) = take(&pool, "10.0.0.9");
    assert_eq!(loser, None, "there is room");
    let (_fifth, loser) = take(&pool, "10.0.0.8");
    assert_eq!(loser, Some(Owner::Network(network("127.0.0.1"))));
    assert_eq!(pool.len(), 4);
}

#[test]
fn one_network_takes_half_and_then_displaces_itself() {
    let pool = SlotPool::new(4);
    let _first = take(&pool, "10.0.0.1");
    let mut mine: Vec<_> = (0..2).map(|_| take(&pool, "10.0.0.2")).collect();
    let (third, loser) = take(&pool, "10.0.0.2");
    assert_eq!(loser, Some(Owner::Network(network("10.0.0.2"))));
    assert_eq!(pool.len(), 3);
    drop(third);
    mine.clear();
    assert_eq!(pool.len(), 1, "a slot that was lost is not given back twice");
}

#[test]
fn guests_do_not_take_an_operators_seat() {
    let config = HttpConfig { max_connections: 1, ..HttpConfig::default() };
    let slots = Slots::new(&config);
    let _guest = slots.seat(Role::Guest).expect("one seat");
    assert!(slots.seat(Role::Viewer).is_none());
    let operators: Vec<_> = (0..OPERATOR_SEATS).map(|_| slots.seat(Role::Operator)).collect();
    assert!(operators.iter().all(Option::is_some));
    assert!(slots.seat(Role::Operator).is_none());
    assert_eq!(slots.open_web_sockets(), 1 + OPERATOR_SEATS);
}
