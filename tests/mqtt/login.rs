//! Access to the broker: logins, certificates, and the rights of the sample configuration.

use std::{fs, path::Path};

use boothd::mqtt::{MqttConfig, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair,
};
use rumqttc::tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use rumqttc::{
    TlsConfiguration, Transport,
    v5::{MqttOptions, mqttbytes::QoS},
};

use super::{
    booth::{Scene, config},
    broker::{Broker, free_port},
    fleet_client::FleetClient,
};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of that CA for that name, as `NAME.crt` and `NAME.key`.
fn issue(folder: &Path, ca: &Ca, file: &str, (host, days): (&str, i64)) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    if days < 0 {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let certificate = params.signed_by(&key, ca).unwrap();
    fs::write(folder.join(format!("{file}.crt")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
}

/// A broker's files, for `localhost`, and the booth's certificate.
fn certify(folder: &Path, ca: &Ca, broker: (&str, i64)) {
    fs::write(folder.join("ca.crt"), ca.pem()).unwrap();
    issue(folder, ca, "broker", broker);
    issue(folder, ca, "booth", ("booth", 1));
}

/// Lines of a broker with these files.
const TLS: &str = "allow_anonymous true\ncafile FOLDER/ca.crt\ncertfile FOLDER/broker.crt\n\
                   keyfile FOLDER/broker.key\n";

fn tls_config(broker: &Broker, has_certificate: bool) -> MqttConfig {
    let file = |name| broker.folder.path().join(name);
    let client = has_certificate.then(|| (file("booth.crt"), file("booth.key")));
    let tls = Some(TlsFiles { ca: Some(file("ca.crt")), client });
    MqttConfig { host: "localhost".into(), tls, ..config(broker.port) }
}

/// Waits for the error that a booth of that configuration reports.
async fn trouble(config: MqttConfig, words: &str) {
    let scene = Scene::start(config).await;
    scene.wait_error(words).await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_the_address_is_reported() {
    trouble(config(free_port()), "no broker answers at mqtt://127.0.0.1").await;
    let nowhere = MqttConfig { host: "no-such-host.invalid".into(), ..config(1883) };
    trouble(nowhere, "the name \"no-such-host.invalid\" of the broker is not known").await;
    // A server that is no broker.
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let hanging_up = tokio::spawn(async move { while other.accept().await.is_ok() {} });
    trouble(config(port), "closed the connection").await;
    hanging_up.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_reported_and_a_repaired_one_needs_no_restart() {
    let lines = "allow_anonymous false\npassword_file FOLDER/passwords\n";
    let broker =
        Broker::with(lines, |folder| Broker::add_login(folder, "site/one", "right-password"));
    trouble(config(broker.port), "refuses the login").await;
    let file = broker.folder.path().join("mine");
    let mut config = config(broker.port);
    config.username = Some("site/one".into());
    config.password_file = Some(file.clone());
    let scene = Scene::start(config).await;
    scene.wait_error("cannot be read").await;
    fs::write(&file, "wrong-password\n").unwrap();
    let error = scene.wait_error("refuses the login").await;
    assert!(!error.contains("wrong-password"), "{error}");
    scene.record(1).await;
    fs::write(&file, "right-password\n").unwrap();
    let mut options = MqttOptions::new("fleet", "127.0.0.1", broker.port);
    options.set_credentials("site/one", "right-password");
    let mut fleet = FleetClient::with(options).await;
    fleet.wait_topic("/event/test").await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_knows_the_broker_and_the_broker_the_booth() {
    let ca = ca("booths CA");
    let lines = format!("{TLS}require_certificate true\n");
    let broker = Broker::with(&lines, |folder| certify(folder, &ca, ("localhost", 1)));
    trouble(tls_config(&broker, false), "demands a client certificate").await;

    let other_ca = self::ca("another CA");
    let foreign = broker.folder.path().join("foreign.crt");
    fs::write(&foreign, other_ca.pem()).unwrap();
    let mut wrong = tls_config(&broker, true);
    wrong.tls.as_mut().unwrap().ca = Some(foreign);
    trouble(wrong, "not from a CA that boothd trusts").await;

    issue(broker.folder.path(), &other_ca, "foreign_booth", ("booth", 1));
    let mut strange = tls_config(&broker, true);
    let file = |name| broker.folder.path().join(name);
    strange.tls.as_mut().unwrap().client =
        Some((file("foreign_booth.crt"), file("foreign_booth.key")));
    trouble(strange, "refuses the booth's certificate").await;

    let mut address = tls_config(&broker, true);
    address.host = "127.0.0.1".into();
    trouble(address, "is for another name than \"127.0.0.1\"").await;
    let clear = MqttConfig { tls: None, ..tls_config(&broker, true) };
    trouble(clear, "closed the connection").await;

    let scene = Scene::start(tls_config(&broker, true)).await;
    scene.record(1).await;
    scene.wait_error("no client at the broker subscribes").await;
    scene.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_and_tls_where_there_is_none_are_reported() {
    let ca = ca("booths CA");
    let broker = Broker::with(TLS, |folder| certify(folder, &ca, ("localhost", -1)));
    trouble(tls_config(&broker, false), "has expired").await;
    let open = Broker::open();
    let mut config = tls_config(&broker, false);
    config.port = open.port;
    trouble(config, "mqtts://localhost").await;
}

/// The sample's users: two booths, and the fleet server (`desk`).
fn sample(ca: &Ca) -> Broker {
    Broker::sample(|folder| {
        certify(folder, ca, ("localhost", 1));
        for user in ["site/one", "site/two", "desk"] {
            Broker::add_login(folder, user, "a-long-password");
        }
        fs::write(folder.join("password"), "a-long-password").unwrap();
    })
}

fn member(broker: &Broker, user: &str) -> MqttConfig {
    MqttConfig {
        username: Some(user.into()),
        password_file: Some(broker.folder.path().join("password")),
        ..tls_config(broker, false)
    }
}

async fn fleet_server(broker: &Broker, ca: &Ca) -> FleetClient {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut options = MqttOptions::new("desk", "localhost", broker.port);
    options.set_credentials("desk", "a-long-password");
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.into())));
    FleetClient::with(options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_sample_configuration_a_booth_writes_its_own_topics_only() {
    let ca = ca("booths CA");
    let broker = sample(&ca);
    let mut fleet = fleet_server(&broker, &ca).await;
    let mut good = member(&broker, "site/one");
    good.commands = boothd::mqtt::CommandName::ALL.into();
    let scene = Scene::start(good).await;
    fleet.wait_topic("boothd/v1/site/one/health").await;
    scene.record(1).await;
    assert_eq!(fleet.wait_topic("/event/test").await.qos, QoS::AtLeastOnce);
    scene.wait_empty().await;
    fleet.publish("boothd/v1/site/one/cmd/identify", "{}").await;
    assert_eq!(fleet.wait_topic("/cmd/identify/result").await.json()["ok"], true);

    // The booth `two` calls itself `one`: its messages are refused, and stay in its outbox.
    let liar = Scene::start(member(&broker, "site/two")).await;
    liar.record(2).await;
    let error = liar.wait_error("not authorized").await;
    assert!(error.contains("ACL"), "{error}");
    assert_eq!(liar.store.outbox().borrow().unwrap().depth, 1);
    liar.leave().await;
    scene.leave().await;
}
