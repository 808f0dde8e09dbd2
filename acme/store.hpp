// What ACME keeps in state_dir/acme (0700), all files 0600 and replaced as a whole, so that a crash leaves the old or
// the new:
//   account.key   the account's private key (or the file that `account_key` names)
//   NAME.pem      key and chain of the certificate whose first name is NAME, in one file, so that they always fit
//   state.json    the account's URL at its directory, and of each certificate what became of the last order
// All of it blocks: not on a worker.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "acme/schedule.hpp"
#include "base/crypto_ec_key.hpp"
#include "base/result.hpp"

namespace genkan::acme {

struct State {
  std::string directory, account;         // the account's URL, and where it is good
  std::map<std::string, Record> records;  // by first name
};

// Pure, both; read_state never fails: what can't be read is empty.
std::string write_state(const State& state);
State read_state(std::string_view json);

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}

  Result<void> prepare() const;  // makes the folder
  State load() const;
  Result<void> save(const State& state) const;
  // `path`: that of `account_key`, or empty. Made when it is not there. `why` is a sentence.
  Result<base::EcKey> account_key(const std::string& path, std::string& why) const;

  std::string file_of(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  Result<void> save_certificate(const std::string& name, std::string_view key_pem, std::string_view chain) const;
  // The certificate at hand for these names; nothing when there is none that can be used.
  std::optional<base::CertificateFacts> certificate(const std::string& name) const;
  // Its two parts, PEM. False: there is none.
  bool read_certificate(const std::string& name, std::string& chain, std::string& key) const;

 private:
  std::string folder_;
};

}  // namespace genkan::acme
