// The subcommands of genkan. Each returns an exit code of sysexits.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/conf.hpp"

namespace CLI {
class App;
}

namespace genkan::app {

// The whole command line; running a command writes its exit code into `status`, which must live as long.
std::shared_ptr<CLI::App> command_line(int& status);

int command_run(const std::string& file);
int command_upgrade(const std::string& file);
int command_agent(const std::string& file);
int command_check(const std::string& file);
int command_docs(const std::string& what);
int command_version();
int command_status(const std::string& file, bool as_json);

// `verb`: add, list, passwd, delete. `display`: the name shown with the address.
int command_user(const std::string& file, const std::string& verb, const std::string& name, const std::string& display);

struct QueueFilter {
  std::string id, destination, sender, recipient, state, older;
  bool all = false;
};
// `verb`: list, show, retry, hold, release, delete, bounce, shape.
int command_queue_shape(const std::string& file, bool as_json);
int command_queue(const std::string& file, const std::string& verb, const QueueFilter& filter, bool as_json);

int command_acme_status(const std::string& file, bool as_json);
// `name`: of one certificate; empty: all of them. With `wait` until the orders have ended.
int command_acme_renew(const std::string& file, const std::string& name, bool wait);

struct ExplainOptions {
  std::string url, method = "GET", from = "127.0.0.1", tls_version = "1.3", certificate;
  std::string server_name, at;       // empty: the host; now
  std::vector<std::string> headers;  // "Name: value"
};
int command_explain(const std::string& file, const ExplainOptions& options);

struct DkimOptions {
  std::string file, type = "rsa", domain = "DOMAIN", selector = "SELECTOR";
  unsigned bits = 2048;
};
int command_dkim_keygen(const DkimOptions& options);  // a new key in a new file, and its record
int command_dkim_record(const DkimOptions& options);

struct UserSieveOptions {
  std::string name, script, check;
  bool show = false, remove = false;
};
int command_user_sieve(const std::string& file, const UserSieveOptions& options);
struct SieveTestOptions {
  std::string script, message, from, to;
  std::vector<std::string> mailboxes;
  bool show_answer = false;
};
int check_site_script(const conf::Conf& conf);  // [smtp.sieve] before: not EX_OK: said what is wrong with it
int command_sieve_check(const std::string& script);
int command_sieve_test(const SieveTestOptions& options);

constexpr const char* kDefaultFile = "/etc/genkan/genkan.toml";

}  // namespace genkan::app
