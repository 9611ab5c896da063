// What the test adds to Node-RED's own defaults: no editor, no word to the outside.
module.exports = {
    uiHost: "127.0.0.1",
    uiPort: Number(process.env.NODE_RED_PORT),
    httpAdminRoot: false,
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    externalModules: {
        palette: { allowInstall: false },
        modules: { allowInstall: false },
    },
    logging: { console: { level: "info", metrics: false, audit: false } },
};
