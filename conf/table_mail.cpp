// Rows of [smtp] with its sections, and of [webmail].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

namespace {

Section smtp_listen_section() {
  SectionOf<SmtpListen> s("An SMTP port.");
  s.row("name", &SmtpListen::name, unset(text(), "its first address"), "Name for the log and the status page.");
  s.row("address", &SmtpListen::address, required(list_of(endpoint()), "[\"127.0.0.1:8025\"]"),
        "Addresses to listen on, such as [\"0.0.0.0:25\", \"[::]:25\"].");
  s.row("implicit_tls", &SmtpListen::implicit_tls, flag(),
        "Speak TLS from the first octet (port 465). Needs a [[certificate]].");
  s.row("submission", &SmtpListen::submission, flag(),
        "For mail that users of this node send (ports 587 and 465): they log in with AUTH over TLS, may then write to "
        "any "
        "domain, and only in their own name.");
  s.row(
      "proxy_protocol_from", &SmtpListen::proxy_protocol_from, list_of(cidr()),
      "Load balancers in front of this port: a connection from one of these networks must begin with a PROXY protocol "
      "header (version 1 or 2), which names the real client.");
  return s.take();
}

Section smtp_route_section() {
  SectionOf<SmtpRoute> s(
      "Where mail for a domain goes. The first route that names the recipient's address or domain decides; what no "
      "route names "
      "is refused. Each has exactly one of `local`, `relay` and `mx`.");
  s.row("addresses", &SmtpRoute::addresses, unset(list_of(text()), "none"),
        "Single recipients: [\"ann@example.org\"].");
  s.row("pattern", &SmtpRoute::pattern, unset(example(pattern(true), "\"(sales|info)-.*@example\\\\.org\""), "none"),
        "Recipients by a pattern (RE2) that the whole address matches, in any case.");
  s.row("domains", &SmtpRoute::domains, example(list_of(text()), "[\"example.org\"]"),
        "Domains of recipients: \"example.org\", \"*.example.org\" (every domain below it), \"*\" (all; put it last).");
  s.row("local", &SmtpRoute::local, flag(), "Deliver to the mailboxes of this node (Maildir folders in `state_dir`).");
  s.row("relay", &SmtpRoute::relay, example(unset(text(), "none"), "\"inside\""),
        "Hand the mail to this [[smtp.relay]].");
  s.row("mx", &SmtpRoute::mx, flag(), "Send it to the mail hosts that DNS names for the recipient's domain.");
  s.row("recipients", &SmtpRoute::recipients, unset(list_of(text()), "everybody"),
        "Who exists there, as whole addresses; others are refused with 550. A +tag does not matter.");
  s.row("before_queue", &SmtpRoute::before_queue, flag(),
        "Answer 250 only when the next hop has, and pass its refusals on, instead of keeping the mail in the queue.");
  s.row("callback", &SmtpRoute::callback, flag(),
        "Ask the next hop whether it takes a recipient before it is accepted here; what it said is remembered, yes for "
        "an hour, "
        "no for ten minutes.");
  return s.take();
}

Section member_section() {
  SectionOf<SmtpMember> s("One mail server of the group.");
  s.row("address", &SmtpMember::address, required(peer(25), "\"192.0.2.1:25\""),
        "Where it listens: \"192.0.2.1:25\" or \"mail.example.org:25\".");
  s.row("node", &SmtpMember::node, unset(text(), "its load is not known"),
        "Name under which the agent on that host announces its load.");
  s.row("preference", &SmtpMember::preference, number(0, 65'535),
        "Lowest first, as in MX records; among equals the least loaded one is tried first.");
  return s.take();
}

Section relay_section() {
  SectionOf<SmtpRelay> s("A group of mail servers.");
  s.row("name", &SmtpRelay::name, required(text(), "\"inside\""), "Name that routes call it by.");
  s.row(
      "scheduler", &SmtpRelay::scheduler,
      words({"least_loaded", "round_robin", "least_connections", "random", "two_choices", "chain"}),
      "How a member is chosen among those of one preference: by connections weighed with the load that its node "
      "announces; in turn; by connections; at random; the less busy of two random ones; or by the candidacy functions "
      "of `chain`.");
  s.row("chain", &SmtpRelay::chain, list_of(text()),
        "Candidacy functions for the scheduler \"chain\", as in a [[pool]]. Example: [\"byAge 5s\", \"byRandom\", "
        "\"byLogWindow\", \"byQueue\"].");
  s.row("max_load", &SmtpRelay::max_load, number(0, 100'000),
        "A member whose node announces a load average above this percentage of its processors is passed over while "
        "another "
        "one is left; 0 means that load does not matter.");
  s.row(
      "max_queue", &SmtpRelay::max_queue, number(0, 1'000'000'000),
      "A member whose node announces more messages in its queue than this is passed over while another one is left; 0 "
      "means that it does not matter.");
  s.row("connections", &SmtpRelay::connections, number(1, 10'000), "Connections to one member at once.");
  s.row("connect_timeout", &SmtpRelay::connect_timeout, duration(100ms, 10min),
        "Time for a member to accept a connection.");
  s.row("command_timeout", &SmtpRelay::command_timeout, duration(1s, 1h), "Time for a member to answer a command.");
  s.row("protocol", &SmtpRelay::protocol, words({"smtp", "lmtp"}),
        "What its members speak. LMTP is for mailbox servers such as Dovecot, which answer for each recipient.");
  s.row("tls", &SmtpRelay::tls, words({"off", "opportunistic", "required", "verified"}),
        "TLS to the members: never; when they offer STARTTLS, without asking who they are; always, without asking; "
        "always, "
        "with a certificate that is valid for them.");
  s.row("implicit_tls", &SmtpRelay::implicit_tls, flag(), "TLS from the first octet instead of STARTTLS.");
  s.row("tls_name", &SmtpRelay::tls_name, unset(text(), "the host in the member's address"),
        "Name that a member's certificate must be valid for (`tls = \"verified\"`).");
  s.row("tls_ca", &SmtpRelay::tls_ca, unset(example(path(), "\"/etc/genkan/mail-ca.pem\""), "the system's"),
        "PEM file with the certificate authorities to trust (`tls = \"verified\"`).");
  s.many("member", &SmtpRelay::members, member_section());
  return s.take();
}

Section alias_section() {
  SectionOf<SmtpAlias> s("An address that stands for others.");
  s.row("address", &SmtpAlias::address, required(text(), "\"info@example.org\""),
        "\"info@example.org\", found with any +tag too; \"@example.org\" is everything there that is no alias and no "
        "mailbox.");
  s.row("to", &SmtpAlias::to, required(list_of(text()), "[\"ann@example.org\"]"), "Who gets its mail.");
  return s.take();
}

Section dnsbl_section() {
  SectionOf<SmtpDnsbl> s("A list of client addresses in DNS.");
  s.row("zone", &SmtpDnsbl::zone, required(text(), "\"zen.example.org\""), "Its domain.");
  s.row("score", &SmtpDnsbl::score, number(1, 1000), "What it counts.");
  s.row("allow", &SmtpDnsbl::allow, flag(), "It lists good clients: its score is taken off.");
  return s.take();
}

Section policy_section() {
  SectionOf<SmtpPolicy> s(
      "Who may come in. None of it holds for `relay_from`, for users who have logged in, and for `allow_from`; and "
      "mail to "
      "postmaster is always taken.");
  s.row("allow_from", &SmtpPolicy::allow_from, unset(list_of(cidr()), "nobody"), "Clients that are not checked.");
  s.row("deny_from", &SmtpPolicy::deny_from, unset(list_of(cidr()), "nobody"), "Clients that are sent away with 554.");
  s.row(
      "pregreet_wait", &SmtpPolicy::pregreet_wait, duration(0ms, 1min),
      "How long the greeting waits; a client that talks meanwhile is no mail server and is sent away. 0s: no waiting.");
  s.row("dnsbl_threshold", &SmtpPolicy::dnsbl_threshold, number(1, 10'000),
        "Clients whose lists add up to this are refused with 554 at RCPT.");
  s.row("greylist", &SmtpPolicy::greylist, flag(),
        "Put off mail once (451) when network, sender and recipient were not seen together before.");
  s.row("greylist_delay", &SmtpPolicy::greylist_delay, duration(1s, 24h), "How long until it may come.");
  s.row("greylist_lifetime", &SmtpPolicy::greylist_lifetime, duration(1h, 8760h),
        "What has passed passes at once until it was not seen for this time.");
  s.row("messages_per_minute", &SmtpPolicy::messages_per_minute, unset(number(0, 1'000'000), "no limit"),
        "Messages from one network (/24, or /64 of IPv6); more are answered 450.");
  s.row("recipients_per_minute", &SmtpPolicy::recipients_per_minute, unset(number(0, 1'000'000), "no limit"),
        "Recipients from one network, refused ones too; more are answered 450.");
  s.row(
      "sender_messages_per_minute", &SmtpPolicy::sender_messages_per_minute, unset(number(0, 1'000'000), "no limit"),
      "Messages from one sender's address, or of one user who has logged in (the one limit that holds for users too); "
      "more are answered 450.");
  s.row("recipient_messages_per_minute", &SmtpPolicy::recipient_messages_per_minute,
        unset(number(0, 1'000'000), "no limit"), "Messages to one recipient; more are answered 450.");
  s.row(
      "greylist_memcached", &SmtpPolicy::greylist_memcached,
      unset(example(list_of(peer(11211)), "[\"192.0.2.21:11211\"]"), "each node knows its own"),
      "Memcached servers through which nodes share what greylisting has seen. While they do not answer, each node goes "
      "by what it saw itself.");
  s.many("dnsbl", &SmtpPolicy::dnsbls, dnsbl_section());
  return s.take();
}

Section milter_section() {
  SectionOf<SmtpMilter> s(
      "A mail filter (milter) such as rspamd, OpenDKIM or ClamAV: sees every message at the end of its content, may "
      "refuse or "
      "change it. Several are asked in the order of the file.");
  s.row("address", &SmtpMilter::address, required(endpoint(), "\"127.0.0.1:11332\""),
        "Where it listens: \"127.0.0.1:11332\" or \"unix:/run/opendkim/opendkim.sock\".");
  s.row("timeout", &SmtpMilter::timeout, duration(100ms, 1h), "Time for one answer of it.");
  s.row("on_error", &SmtpMilter::on_error, words({"tempfail", "accept", "reject"}),
        "What happens to mail when it cannot be asked: the client shall try again, the message passes, or it is "
        "refused.");
  return s.take();
}

Section sieve_section() {
  SectionOf<SmtpSieve> s(
      "Sieve (RFC 5228): scripts that sort local mail when it is delivered. Each user's own is set with `genkan user "
      "sieve`.");
  s.row("enabled", &SmtpSieve::enabled, flag(), "Run the scripts; else all mail goes to the inbox.");
  s.row("before", &SmtpSieve::before, unset(example(path(), "\"/etc/genkan/before.sieve\""), "none"),
        "Script that runs before everybody's own. Only mail that it keeps goes on to the user's script.");
  s.row("max_script", &SmtpSieve::max_script, size(1024), "The largest script.");
  s.row("max_actions", &SmtpSieve::max_actions, number(1, 1000), "Actions that scripts may take for one message.");
  s.row("max_redirects", &SmtpSieve::max_redirects, number(0, 100),
        "How many of them may send it on to other addresses; 0 forbids that.");
  s.row("vacation_min", &SmtpSieve::vacation_min, duration(1s, 720h),
        "The shortest time between two vacation answers to the same sender, whatever a script says.");
  return s.take();
}

Section rewrite_section() {
  SectionOf<SmtpRewrite> s(
      "Addresses of the envelope that are written anew before anything else is decided. The first pattern that matches "
      "counts; "
      "the message itself is not touched.");
  s.row("pattern", &SmtpRewrite::pattern, required(pattern(true), "\"(.*)@old\\\\.example\""),
        "RE2 pattern that the whole address matches, in any case.");
  s.row("to", &SmtpRewrite::to, required(text(), "'\\1@new.example'"),
        "The new address; \\1 is the first group of the pattern.");
  s.row("side", &SmtpRewrite::side, words({"both", "sender", "recipient"}), "Which addresses.");
  return s.take();
}

void smtp_sender_rows(SectionOf<Smtp>& s) {
  s.row("enabled", &Smtp::enabled, flag(), "Accept mail. Needs a [[smtp.listen]].");
  s.row("hostname", &Smtp::hostname, unset(text(), "`name` of [node]"),
        "Name of this mail host in greetings and Received fields; should be its name in DNS.");
  s.row("log", &Smtp::log, unset(example(path(), "\"/var/log/genkan/mail.log\""), "no mail log"),
        "File with one line for every event of every message; SIGUSR1 opens it anew after rotation.");
  s.row("log_format", &Smtp::log_format, words({"text", "json"}), "How its lines look.");
  s.row("relay_from", &Smtp::relay_from, unset(list_of(cidr()), "nobody"),
        "Clients that may send to any domain, such as [\"127.0.0.0/8\", \"192.0.2.0/24\"]. Never the whole world: that "
        "is an "
        "open relay.");
  s.row("xclient_from", &Smtp::xclient_from, unset(list_of(cidr()), "nobody"),
        "Mail proxies that are believed when they say with XCLIENT or XFORWARD who the real client is.");
  s.row("relay_for_others", &Smtp::relay_for_others, unset(text(), "such mail is refused"),
        "The [[smtp.relay]] that carries mail from `relay_from` and of users to domains without a route; \"mx\": the "
        "domain's own "
        "mail hosts.");
  s.row("mx_port", &Smtp::mx_port, number(1, 65'535), "Port of mail hosts found by DNS.");
  s.row("mx_connections", &Smtp::mx_connections, number(1, 1000), "Connections to one mail host found by DNS at once.");
}

void smtp_limit_rows(SectionOf<Smtp>& s) {
  s.row("max_message", &Smtp::max_message, size(1024), "The largest message that is accepted (RFC 1870, SIZE).");
  s.row("bare_newline", &Smtp::bare_newline, words({"refuse", "mend"}),
        "A CR or LF that stands alone in a message: refuse the message, or mend it (LF becomes CRLF, CR a space). It "
        "is never "
        "passed on, and never ends a message.");
  s.row("max_recipients", &Smtp::max_recipients, number(100, 100'000), "Recipients of one message.");
  s.row("max_connections", &Smtp::max_connections, number(1, 100'000), "Sessions at once; further clients get 421.");
  s.row("max_connections_per_address", &Smtp::max_connections_per_address, number(1, 100'000),
        "Sessions at once from one client address.");
  s.row("max_connections_per_network", &Smtp::max_connections_per_network, unset(number(0, 100'000), "no limit"),
        "Sessions at once from one network (/24, or /64 of IPv6).");
  s.row("max_errors", &Smtp::max_errors, number(1, 1000),
        "Bad or refused commands in a session until it is ended with 421.");
  s.row("command_timeout", &Smtp::command_timeout, duration(1s, 1h), "Time for a client to send its next command.");
  s.row("data_timeout", &Smtp::data_timeout, duration(1s, 1h), "How long a message in transfer may stand still.");
  s.row("min_free", &Smtp::min_free, size(0),
        "Free space that must stay on the disk of the queue; else mail is deferred with 452.");
}

void smtp_queue_rows(SectionOf<Smtp>& s) {
  s.row("retry_first", &Smtp::retry_first, duration(1s, 24h),
        "Time from a failed delivery to the next try; it doubles each time.");
  s.row("retry_max", &Smtp::retry_max, duration(1s, 168h), "The longest time between two tries.");
  s.row("expire", &Smtp::expire, duration(1s, 720h),
        "Mail that could not be delivered for this long goes back to its sender.");
  s.row("delay_notice", &Smtp::delay_notice, duration(0ms, 720h),
        "The sender is told of a delay after this time; 0s means never.");
}

void smtp_yield_rows(SectionOf<Smtp>& s) {
  s.row(
      "yield", &Smtp::yield, flag(),
      "Slow mail down when HTTP requests would suffer: first its replies and deliveries, then 421 and 451. Only while "
      "HTTP is used (five requests a second, or eight in flight); users who send mail are not held up.");
  s.row("yield_load", &Smtp::yield_load, number(0, 100'000),
        "Load average, in percent of the processors, from which mail yields; 0: not looked at. At one and a half times "
        "of "
        "this and of the others it yields more, at twice it is turned away.");
  s.row("yield_busy", &Smtp::yield_busy, number(0, 100),
        "Busy processor time in percent from which mail slows down; 0: not looked at.");
  s.row("yield_lag", &Smtp::yield_lag, duration(0ms, 1min),
        "How long a worker may have been busy with others before it serves, at worst; 0s: not looked at.");
  s.row("yield_requests", &Smtp::yield_requests, number(0, 1'000'000), "HTTP requests in flight; 0: not looked at.");
  s.row("yield_backends", &Smtp::yield_backends, number(0, 100),
        "Backends of HTTP, in percent, that are out of service or whose nodes are loaded above `yield_load`; 0: not "
        "looked at.");
  s.row("yield_delay", &Smtp::yield_delay, duration(0ms, 1min),
        "How long greetings and replies to MAIL and DATA wait while mail yields; twice as long while it yields more.");
  s.row("yield_hold", &Smtp::yield_hold, duration(0ms, 1h), "How long it must be better until mail yields less.");
}

void smtp_trust_rows(SectionOf<Smtp>& s) {
  s.row("dane", &Smtp::dane, flag(),
        "Verify mail hosts found by DNS by their TLSA records (DANE, RFC 7672). Needs name servers that validate "
        "DNSSEC, on "
        "this host or with `trust_dns`.");
  s.row("trust_dns", &Smtp::trust_dns, flag(),
        "The name servers of [node] validate DNSSEC, and nobody can change their answers on the way here. Servers on a "
        "loopback address need not be trusted like this.");
  s.row("mta_sts", &Smtp::mta_sts, flag(),
        "Ask domains for their MTA-STS policy (RFC 8461) and do as it says; DANE goes first where a domain has both.");
  s.row("mta_sts_port", &Smtp::mta_sts_port, number(1, 65'535), "Port on which policies are fetched.");
  s.row("mta_sts_ca", &Smtp::mta_sts_ca, unset(example(path(), "\"/etc/genkan/sts-ca.pem\""), "the system's"),
        "PEM file with the certificate authorities to trust for MTA-STS, for policy and mail hosts.");
  s.row("tls_reports", &Smtp::tls_reports, flag(),
        "Write a report for each domain and day about TLS to its mail hosts (RFC 8460, JSON) into "
        "state_dir/tls-reports.");
  s.row("tls_reports_send", &Smtp::tls_reports_send, flag(),
        "Send these reports by mail to the addresses that the domains name in DNS (_smtp._tls), from "
        "`tls_report_contact`, "
        "and delete the files.");
  s.row("tls_report_contact", &Smtp::tls_report_contact,
        unset(example(text(), "\"postmaster@example.org\""), "postmaster at `hostname`"),
        "Whom the reports name as contact, and who sends them.");
}

void smtp_mailbox_rows(SectionOf<Smtp>& s) {
  s.row("mailbox_quota", &Smtp::mailbox_quota, unset(size(0), "no limit"),
        "The most that one local mailbox may hold, all folders together (Maildir++, kept in its file maildirsize).");
  s.row("over_quota", &Smtp::over_quota, words({"defer", "reject"}),
        "What a recipient whose mailbox is full is answered: 452, so that the mail comes again, or 552.");
}

}  // namespace

Section smtp_section() {
  SectionOf<Smtp> s("Inbound mail: accepted into a durable queue, then delivered or relayed.");
  smtp_sender_rows(s);
  smtp_limit_rows(s);
  smtp_queue_rows(s);
  smtp_yield_rows(s);
  smtp_trust_rows(s);
  smtp_mailbox_rows(s);
  s.many("listen", &Smtp::listens, smtp_listen_section());
  s.many("route", &Smtp::routes, smtp_route_section());
  s.many("relay", &Smtp::relays, relay_section());
  s.many("alias", &Smtp::aliases, alias_section());
  s.one("policy", &Smtp::policy, policy_section());
  s.one("auth", &Smtp::auth, smtp_auth_section());
  s.one("sieve", &Smtp::sieve, sieve_section());
  s.many("dkim", &Smtp::dkims, smtp_dkim_section());
  s.many("milter", &Smtp::milters, milter_section());
  s.many("rewrite", &Smtp::rewrites, rewrite_section());
  return s.take();
}

Section webmail_section() {
  SectionOf<Webmail> s("The built-in webmail. A route reaches it through a pool with `webmail = true`.");
  s.row("enabled", &Webmail::enabled, flag(), "Offer the webmail to users.");
  s.row("domains", &Webmail::domains, list_of(text()),
        "Mail domains of its users, such as [\"example.org\"]; the first one is added to a login without a domain.");
  s.row("session_ttl", &Webmail::session_ttl, duration(1min, 8760h), "How long a login lasts without being used.");
  s.row("max_upload", &Webmail::max_upload, size(1024), "The largest attachment that can be uploaded.");
  s.row("secure_cookie", &Webmail::secure_cookie, flag(),
        "Send the login's cookie over HTTPS only. Switch it off only where there is no HTTPS at all.");
  return s.take();
}

}  // namespace genkan::conf
