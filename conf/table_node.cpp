// Rows of [node], [log], [access_log] and [syslog].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section node_section() {
  SectionOf<Node> s("This host and the process that runs on it.");
  s.row("name", &Node::name, unset(text(), "the host's name"),
        "Name of this node: in the status page, in what it announces to the cluster, in Received fields of mail.");
  s.row("state_dir", &Node::state_dir, path(),
        "Folder for everything that must outlive a restart: mail queue, mailboxes, users, generated keys.");
  s.row("run_dir", &Node::run_dir, unset(path(), "the folder `run` in `state_dir`"),
        "Folder for the pid file, genkan.pid.");
  s.row("user", &Node::user, unset(text(), "stay the user who started it"),
        "User to become after the ports are open. Only root can change user.");
  s.row("group", &Node::group, unset(text(), "the group of `user`"), "Group to become, together with `user`.");
  s.row("workers", &Node::workers, number(0, 64), "Number of worker threads; 0 means one for each processor.");
  s.row("drain_timeout", &Node::drain_timeout, duration(0ms, 1h),
        "How long a stop waits for requests and mail sessions that are under way before it cuts them off.");
  s.row("upgrade_drain", &Node::upgrade_drain, duration(0ms, 24h * 30),
        "After `genkan upgrade`: how long the old process goes on with what is still open, such as WebSockets and long "
        "downloads, before it cuts them off.");
  s.row("name_servers", &Node::name_servers, unset(list_of(peer(53)), "those of /etc/resolv.conf"),
        "DNS servers, asked in this order, such as [\"127.0.0.1:53\", \"[2001:db8::53]:53\"].");
  return s.take();
}

Section log_section() {
  SectionOf<base::LogOptions> s("What Genkan says about itself: one line for each event.");
  s.row("format", &base::LogOptions::format, words({"text", "json"}),
        "Form of a line: \"text\" for people, \"json\" for programs.");
  s.row("level", &base::LogOptions::level, words({"debug", "info", "notice", "warning", "error"}),
        "The least important events that are still written.");
  s.row("path", &base::LogOptions::path, unset(path(), "standard error"),
        "File to append to. It is opened again on SIGUSR1, for log rotation.");
  s.row("queue_lines", &base::LogOptions::queue_lines, number(64, 1'000'000),
        "Lines that may wait for the disk. When more come they are dropped and counted, so that a slow disk never "
        "slows a request.");
  s.row("colour", &base::LogOptions::colour, flag(), "Colours by importance, where the log goes to a terminal.");
  return s.take();
}

Section access_log_section() {
  SectionOf<AccessLog> s("One line for each HTTP request.");
  s.row("path", &AccessLog::path, unset(path(), "no access log"),
        "File to append to, or \"-\" for standard output. It is opened again on SIGUSR1.");
  s.row(
      "format", &AccessLog::format, text(),
      "\"combined\", as log analysers read it; \"json\"; or a text with items: {client}, {time}, {time_iso}, {method}, "
      "{target}, {path}, {query}, {protocol}, {scheme}, {host}, {status}, {bytes}, {duration}, {accept}, {tls}, "
      "{head}, {wait}, {connect}, {first_byte}, {route}, {backend}, {tries}, {cache}, {tls_version}, {tls_cipher}, "
      "{tls_resumed}, {early_data}, {server_name}, {client_certificate}, {client_verified}, {client_issuer}, "
      "{client_serial}, {client_fingerprint}, {client_san}, {client_not_after}, {request_id}, {trace_id}, {error}, "
      "{header:NAME} and {cookie:NAME} of the request, {sent:NAME} of the response. Times are in seconds.");
  s.row("slow", &AccessLog::slow, duration(0ms, 24h),
        "A request that takes longer is also warned about in the log, with its phases; 0 means never.");
  return s.take();
}

Section syslog_section() {
  SectionOf<Syslog> s(
      "Sends the access log, the mail log and the log to a syslog receiver as well (RFC 5424). While it is away lines "
      "wait on the "
      "disk, up to `buffer`; what comes beyond that is dropped and counted.");
  s.row(
      "server", &Syslog::server, example(unset(text(), "no syslog"), "\"tls://logs.example.org:6514\""),
      "Where to send: \"udp://HOST:PORT\", \"tcp://HOST:PORT\" (octet counting, RFC 6587) or \"tls://HOST:PORT\" (RFC "
      "5425). Without a port: 514, 601 and 6514. UDP tells nobody what was lost on the way.");
  s.row("facility", &Syslog::facility,
        words({"kern",     "user", "mail",   "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "cron",
               "authpriv", "ftp",  "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}),
        "The facility of every message.");
  s.row("app_name", &Syslog::app_name, text(), "APP-NAME of every message: up to 48 printable characters.");
  s.row("access_log", &Syslog::access_log, flag(), "Send the lines of the access log, in the format of [access_log].");
  s.row("mail_log", &Syslog::mail_log, flag(),
        "Send the lines of the mail log, in the format of [smtp] `log_format`. They need no [smtp] `log`.");
  s.row("log", &Syslog::log, flag(), "Send what Genkan says about itself.");
  s.row("buffer", &Syslog::buffer, size(0, 1ull << 40),
        "Bytes of lines that wait in `state_dir` while the receiver is away. They survive a restart. 0: only a little, "
        "in "
        "memory.");
  s.row("ca", &Syslog::ca, unset(path(), "those of the system"),
        "PEM file with the authorities that may have signed the receiver's certificate.");
  s.row("tls_name", &Syslog::tls_name, unset(text(), "the host in `server`"),
        "The name that the receiver's certificate must bear.");
  s.row("cert", &Syslog::cert, unset(path(), "none"),
        "PEM file with our certificate, for a receiver that asks for one.");
  s.row("key", &Syslog::key, unset(path(), "none"), "PEM file with its private key.");
  return s.take();
}

}  // namespace genkan::conf
