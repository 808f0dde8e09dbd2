// The door: name and password, alone on the page or over everything when a session has ended.

import { useLayoutEffect, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { t, language, languages } from "../i18n/index";
import { setLanguage } from "../state/prefs";
import { authState, login, logout, resume, userName } from "../state/session";
import { Icon, Logo } from "./icons";
import { Spinner } from "./parts";

function reason(error: unknown): string {
  if (!(error instanceof ApiError)) return t("error.unknown");
  if (error.kind === "session") return t("login.wrong");
  if (error.kind === "offline") return t("why.offline");
  if (error.kind === "busy") return t("login.wait", { count: Math.max(1, Math.ceil(error.retryAfter / 60)) });
  return error.message;
}

function LoginForm({ again }: { again: boolean }) {
  const [name, setName] = useState(again ? userName.value : "");
  const [password, setPassword] = useState("");
  const [visible, setVisible] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  useLayoutEffect(() => document.getElementById(again ? "password" : "username")?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await login(name.trim(), password);
    } catch (error) {
      setProblem(error);
      setPassword("");
      setBusy(false);
      document.getElementById("password")?.focus();
    }
  };
  return (
    <form class="loginform" onSubmit={(event) => void submit(event)} aria-describedby="login-problem">
      <label for="username">{t("login.name")}</label>
      <input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck={false} required
        readOnly={again} value={name} onInput={(e) => setName(e.currentTarget.value)} maxLength={320} />
      <label for="password">{t("login.password")}</label>
      <div class="passwordfield">
        <input id="password" name="password" type={(visible ? "text" : "password") as "password"} autocomplete="current-password" required
          value={password} onInput={(e) => setPassword(e.currentTarget.value)} maxLength={1024} />
        <button type="button" class="textbutton" aria-pressed={visible} onClick={() => setVisible(!visible)}>{visible ? t("login.hide") : t("login.show")}</button>
      </div>
      <p id="login-problem" class="problem" role="alert">{problem !== null && <><Icon name="alert" />{reason(problem)}</>}</p>
      <button type="submit" class="primary" disabled={busy}>{busy ? <Spinner label={t("login.busy")} /> : t("login.submit")}</button>
    </form>
  );
}

export function LoginPage() {
  return (
    <main class="loginpage">
      <div class="logincard">
        <div class="brand"><Logo size={44} /><h1>Genkan <span>{t("login.mail")}</span></h1></div>
        {authState.value === "unreachable" ? (
          <div class="problem" role="alert"><Icon name="offline" />{t("why.offline")}
            <button type="button" class="secondary" onClick={() => void resume()}>{t("action.retry")}</button>
          </div>
        ) : <LoginForm again={false} />}
      </div>
      <nav class="loginlanguages" aria-label={t("settings.language")}>
        {languages.map(({ code, name }) => (
          <button key={code} type="button" class="textbutton" lang={code} aria-pressed={language.value === code} onClick={() => setLanguage(code)}>{name}</button>
        ))}
      </nav>
    </main>
  );
}

/** Over the page, which stays as it is: nothing that was being written is lost. */
export function LoginAgain() {
  return (
    <div class="veil">
      <section class="logincard" role="dialog" aria-modal="true" aria-labelledby="again-title">
        <h2 id="again-title">{t("login.ended")}</h2>
        <p>{t("login.nothingLost")}</p>
        <LoginForm again={true} />
        <button type="button" class="textbutton" onClick={() => void logout().catch(() => location.reload())}>{t("login.other")}</button>
      </section>
    </div>
  );
}
