//! boothd behind a real nginx and a real Caddy, with the files of contrib/, in a real Chromium.
//!
//! BOOTHD_SCREENSHOTS names a folder for pictures of what was looked at.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use boothd_test_support::{
    daemon, fleet, node,
    process::{Process, free_port},
};
use daemon::{BOOTHD, Daemon};
use tempfile::TempDir;

const NAMED: [&str; 2] = [r#"web.proxies=["127.0.0.1"]"#, r#"web.hosts=["booth.example"]"#];
const CLIP: [&str; 5] = [
    "video.source=file",
    "video.file=demo/face_640x480.mjpeg",
    "audio.source=file",
    "audio.file=demo/speech_16k.wav",
    "features.preview=true",
];

/// A reverse proxy in a folder of its own.
struct Proxy {
    _process: Process,
    folder: TempDir,
    port: u16,
}

/// A folder with a certificate for booth.example.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made =
        rcgen::generate_simple_self_signed(["booth.example".to_owned()]).expect("a pair");
    fs::write(folder.path().join("booth.key"), made.signing_key.serialize_pem()).expect("ours");
    fs::write(folder.path().join("booth.crt"), made.cert.pem()).expect("ours");
    folder
}

/// A file of contrib/ with this test's ports and paths in it.
fn with(file: &str, replaced: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(file);
    let mut text = fs::read_to_string(path).expect("is there");
    for (from, to) in replaced {
        assert!(text.contains(from), "{file} has no {from:?}");
        text = text.replace(from, to);
    }
    text
}

fn start(mut command: Command, folder: TempDir, port: u16) -> Proxy {
    let log = fs::File::create(folder.path().join("log")).expect("ours");
    command.stdout(Stdio::null()).stderr(log);
    let mut process = Process::spawn(&mut command);
    let shown = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    process.wait_for_port(port, shown);
    Proxy { _process: process, folder, port }
}

impl Proxy {
    /// nginx with that `server`.
    fn nginx(server: impl FnOnce(&str, u16) -> String) -> Self {
        let (folder, port) = (folder(), free_port());
        let at = folder.path().display().to_string();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .collect();
        let config = format!(
            "{user}\ndaemon off; master_process off;\npid {at}/pid;\nerror_log {at}/log;\nworker_processes 1;\n\
             events {{ worker_connections 128; }}\n\
             http {{\n{temporary}access_log {at}/access;\n{}\n}}\n",
            server(&at, port)
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).expect("ours");
        let installed = Path::new("/usr/sbin/nginx");
        let mut command =
            Command::new(if installed.exists() { installed } else { Path::new("nginx") });
        command.arg("-c").arg(file).arg("-p").arg(folder.path());
        start(command, folder, port)
    }

    fn nginx_of_contrib(upstream: &str) -> Self {
        Proxy::nginx(|at, port| {
            with(
                "nginx/boothd.conf",
                &[
                    ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
                    ("/etc/nginx/booth", &format!("{at}/booth")),
                    ("/var/log/nginx/boothd.log", &format!("{at}/access")),
                    ("127.0.0.1:8000", upstream),
                ],
            )
        })
    }

    fn caddy_of_contrib(upstream: &str) -> Self {
        let (folder, port) = (folder(), free_port());
        let at = folder.path().display().to_string();
        let sites = with(
            "caddy/Caddyfile",
            &[
                ("booth.example:443", &format!("https://booth.example:{port}")),
                ("/etc/caddy/booth", &format!("{at}/booth")),
                ("127.0.0.1:8000", upstream),
                ("\tlog {\n", &format!("\tlog {{\n\t\toutput file {at}/access\n")),
            ],
        );
        let options =
            "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n";
        let file = folder.path().join("Caddyfile");
        fs::write(&file, format!("{options}{sites}")).expect("ours");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        start(command, folder, port)
    }

    /// What the page asked for stands in the access log, and no token does.
    fn assert_logs_no_token(&self, token: &str) {
        let log = fs::read_to_string(self.folder.path().join("access")).expect("a log");
        assert!(log.contains("/booth1/"), "{log}");
        assert!(!log.contains(token) && !log.contains("token="), "a token in the proxy's log");
    }
}

/// Runs tests/browser/proxy.mjs.
fn look(url: &str, host: &str, (token, what): (&str, &str)) {
    let mut node = node::tests(&["proxy.mjs"]);
    node.env("BOOTHD_URL", url).env("BOOTHD_HOST", host);
    let text = node::passed(node.env("BOOTHD_TOKEN", token).env("BOOTHD_WHAT", what).output());
    assert!(text.contains("# pass"), "{text}");
}

#[test]
fn a_booth_behind_nginx_and_caddy_with_tls_and_a_prefix() {
    let settings = [&NAMED[..], &CLIP[..]].concat();
    let booth = Daemon::start(Command::new(&*BOOTHD), &settings);
    for proxy in
        [Proxy::nginx_of_contrib(&booth.address), Proxy::caddy_of_contrib(&booth.address)]
    {
        let url = format!("https://booth.example:{}/booth1/", proxy.port);
        look(&url, "booth.example", (daemon::TOKEN, "booth"));
        proxy.assert_logs_no_token(daemon::TOKEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_server_behind_nginx_and_caddy_with_tls_and_a_prefix() {
    let broker = fleet::Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = fleet::FleetServer::start(&broker, state.path(), &NAMED);
    fleet::publish(&broker, "publisher", &fleet::online("one", "1")).await;
    for proxy in
        [Proxy::nginx_of_contrib(&server.address), Proxy::caddy_of_contrib(&server.address)]
    {
        let url = format!("https://booth.example:{}/booth1/", proxy.port);
        let looking = move || look(&url, "booth.example", (fleet::TOKEN, "fleet"));
        tokio::task::spawn_blocking(looking).await.expect("is right");
        proxy.assert_logs_no_token(fleet::TOKEN);
    }
}

/// nginx's plain `proxy_pass`, in front of a booth without `web.proxies`.
#[test]
fn a_proxy_that_hides_the_host_is_reported_on_the_page_and_in_the_log() {
    let booth = Daemon::start(Command::new(&*BOOTHD), &CLIP);
    let upstream = booth.address.clone();
    let proxy = Proxy::nginx(move |_, port| {
        format!(
            "map $http_upgrade $upgraded {{ default upgrade; '' ''; }}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{upstream}; \
             proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
             proxy_set_header Connection $upgraded; }} }}"
        )
    });
    let url = format!("http://127.0.0.1:{}/", proxy.port);
    look(&url, "127.0.0.1", (daemon::TOKEN, "foreign_origin"));
    let line = booth.wait_for_log("WebSocket refused");
    assert!(line.contains("web.proxies") && line.contains(&proxy.port.to_string()), "{line}");
}

/// A proxy that passes no upgrade on.
#[test]
fn a_proxy_that_passes_no_websocket_is_reported_on_the_page_and_in_the_log() {
    let booth = Daemon::start(Command::new(&*BOOTHD), &CLIP);
    let upstream = booth.address.clone();
    let proxy = Proxy::nginx(move |_, port| {
        format!(
            "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{upstream}; \
             proxy_set_header Host $http_host; }} }}"
        )
    });
    let url = format!("http://127.0.0.1:{}/", proxy.port);
    look(&url, "127.0.0.1", (daemon::TOKEN, "no_websocket"));
    let line = booth.wait_for_log("asks for no upgrade");
    assert!(line.contains("proxy"), "{line}");
}
