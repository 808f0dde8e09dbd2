#include "acme/store.hpp"

#include <boost/json.hpp>

#include "acme/message.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace genkan::acme {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxFile = 1u << 20;

std::int64_t seconds(WallTime t) {
  return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

WallTime time_of(const json::object& object, std::string_view name) {
  constexpr std::int64_t kMost = 1ll << 33;  // the year 2242
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_int64() || value->get_int64() < 0 || value->get_int64() > kMost) return {};
  return WallTime(std::chrono::seconds(value->get_int64()));
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string write_state(const State& state) {
  json::object records;
  for (const auto& [name, record] : state.records) {
    records[name] = json::object{{"failures", record.failures},
                                 {"not_before", seconds(record.not_before)},
                                 {"last", seconds(record.last)},
                                 {"error", record.error},
                                 {"advice", record.advice}};
  }
  const json::object all{
      {"directory", state.directory}, {"account", state.account}, {"certificates", std::move(records)}};
  return json::serialize(all) + "\n";
}

State read_state(std::string_view text) {
  State state;
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return state;
  const json::object& all = value.get_object();
  state.directory = text_of(all, "directory");
  state.account = text_of(all, "account");
  if (!Url::parse(state.account)) state.account.clear();
  const json::value* records = all.if_contains("certificates");
  if (!records || !records->is_object()) return state;
  for (const auto& entry : records->get_object()) {
    if (!entry.value().is_object()) continue;
    const json::object& one = entry.value().get_object();
    Record record;
    const json::value* failures = one.if_contains("failures");
    if (failures && failures->is_int64() && failures->get_int64() >= 0 && failures->get_int64() < 1'000'000) {
      record.failures = static_cast<std::uint32_t>(failures->get_int64());
    }
    record.not_before = time_of(one, "not_before");
    record.last = time_of(one, "last");
    record.error = for_people(text_of(one, "error"), 1000);
    record.advice = for_people(text_of(one, "advice"), 1000);
    state.records[std::string(entry.key())] = std::move(record);
  }
  return state;
}

Result<void> Store::prepare() const { return base::make_dirs(folder_, 0700); }

State Store::load() const {
  const auto text = base::read_file(folder_ + "/state.json", kMaxFile);
  return text ? read_state(*text) : State();
}

Result<void> Store::save(const State& state) const {
  return base::write_file_durable(folder_ + "/state.json", write_state(state));
}

Result<base::EcKey> Store::account_key(const std::string& path, std::string& why) const {
  const std::string file = path.empty() ? folder_ + "/account.key" : path;
  const auto pem = base::read_file(file, kMaxFile);
  if (pem) {
    auto key = base::EcKey::from_pem(*pem);
    if (!key) why = "the account key " + file + " is no EC key on P-256 in PEM form";
    return key;
  }
  if (pem.error() != Error(ENOENT, boost::system::system_category())) {
    why = "the account key " + file + " can't be read: " + pem.error().message();
    return pem.error();
  }
  auto key = base::EcKey::generate();
  if (!key) {
    why = "no account key could be made";
    return key;
  }
  if (auto written = base::write_file_durable(file, key->pem()); !written) {
    why = "the account key can't be written to " + file + ": " + written.error().message();
    return written.error();
  }
  return key;
}

Result<void> Store::save_certificate(const std::string& name, std::string_view key_pem, std::string_view chain) const {
  return base::write_file_durable(file_of(name), std::string(key_pem) + std::string(chain));
}

std::optional<base::CertificateFacts> Store::certificate(const std::string& name) const {
  const auto pem = base::read_file(file_of(name), kMaxFile);
  std::string why;
  if (!pem || !base::check_private_key(*pem, *pem, why)) return std::nullopt;
  auto facts = base::read_certificate(*pem, why);
  if (!facts) return std::nullopt;
  return std::move(*facts);
}

bool Store::read_certificate(const std::string& name, std::string& chain, std::string& key) const {
  const auto pem = base::read_file(file_of(name), kMaxFile);
  const auto at = pem ? pem->find("-----BEGIN CERTIFICATE-----") : std::string::npos;
  if (at == std::string::npos) return false;
  key = pem->substr(0, at);  // as save_certificate() put it
  chain = pem->substr(at);
  return true;
}

}  // namespace genkan::acme
