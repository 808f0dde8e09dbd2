// Genkan's webmail in the browser. All state lives in signals under state/; views read them and draw.

import "./styles/base.css";
import "./styles/shell.css";
import "./styles/list.css";
import "./styles/reader.css";
import "./styles/compose.css";
import { render } from "preact";
import { t } from "./i18n/index";
import { startCompose } from "./state/compose";
import { startLive } from "./state/live";
import { startPrefs } from "./state/prefs";
import { startRouter } from "./state/router";
import { authState, resume } from "./state/session";
import { startKeyboard } from "./views/keyboard";
import { LoginPage } from "./views/login";
import { Shell } from "./views/shell";
import { Logo } from "./views/icons";
import { Spinner } from "./views/parts";

function App() {
  switch (authState.value) {
    case "checking": return <div class="starting"><Logo size={56} /><Spinner label={t("login.busy")} /></div>;
    case "out":
    case "unreachable": return <LoginPage />;
    case "in":
    case "expired": return <Shell />;
  }
}

startPrefs();
startRouter();
startLive();
startCompose();
startKeyboard();
render(<App />, document.getElementById("app")!);
void resume();
