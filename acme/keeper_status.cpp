// What operators see of the orders, and what they can ask for.
#include <boost/json.hpp>

#include "acme/keeper.hpp"
#include "base/text.hpp"

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

json::value time_or_null(WallTime t) {
  if (t == WallTime()) return nullptr;
  return json::string(base::rfc3339(t));
}

}  // namespace

void Acme::Keeper::set_end(const std::string& name, WallTime end) {
  auto& gauge = telemetry_.metrics.gauge("genkan_acme_certificate_not_after_timestamp_seconds",
                                         "End of the certificate at hand, in seconds since 1970; 0: there is none",
                                         {{"certificate", name}});
  gauge.add(std::chrono::duration_cast<std::chrono::seconds>(end.time_since_epoch()).count() - gauge.sum());
}

// Takes what the control loop knows to where any thread may read it.
void Acme::Keeper::show(std::string_view ordering) {
  std::map<std::string, View> views;
  for (std::size_t i = 0; plan_ && i < plan_->certificates.size(); ++i) {
    const conf::Certificate& certificate = plan_->certificates[i];
    const std::string& name = certificate.names.front();
    View view;
    view.names = certificate.names;
    if (const auto facts = facts_.find(name); facts != facts_.end()) view.facts = facts->second;
    if (const auto record = state_.records.find(name); record != state_.records.end()) view.record = record->second;
    view.due = due_of(certificate);
    view.ordering = name == ordering;
    set_end(name, view.facts ? view.facts->not_after : WallTime());
    views[name] = std::move(view);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [name, view] : views_) {  // no longer ours: nobody shall be warned of its end
    if (!views.contains(name)) set_end(name, WallTime());
  }
  views_ = std::move(views);
  directory_ = plan_ ? plan_->conf.directory : std::string();
  challenge_ = plan_ ? plan_->conf.challenge : std::string();
  account_ = state_.account;
}

std::string Acme::Keeper::status() const {
  const std::lock_guard lock(mutex_);
  const WallTime now = WallClock::now();
  json::array certificates;
  for (const auto& [name, view] : views_) {
    const bool good = view.facts && view.facts->not_after > now;
    const std::string_view state = view.ordering              ? "ordering"
                                   : view.record.failures > 0 ? "failed"
                                   : good                     ? "good"
                                                              : "waiting";
    json::object one{{"name", name}, {"state", state}, {"valid", good}};
    one["names"] = json::array(view.names.begin(), view.names.end());
    one["not_after"] = view.facts ? time_or_null(view.facts->not_after) : nullptr;
    one["days_left"] = view.facts ? json::value(std::chrono::duration<double>(view.facts->not_after - now) / 24h)
                                  : json::value(nullptr);
    one["next"] = time_or_null(view.due.at);
    one["next_why"] = view.due.why;
    one["last"] = time_or_null(view.record.last);
    one["failures"] = view.record.failures;
    one["error"] = view.record.error;
    one["advice"] = view.record.advice;
    certificates.push_back(std::move(one));
  }
  return json::serialize(json::object{{"directory", directory_},
                                      {"challenge", challenge_},
                                      {"account", account_},
                                      {"certificates", std::move(certificates)}});
}

// {"certificate": "example.org"}, or {} for all.
Result<std::string> Acme::Keeper::renew(std::string_view text, std::string& why) {
  boost::system::error_code error;
  const json::value value = json::parse(text.empty() ? "{}" : text, error);
  if (error || !value.is_object()) {
    why = "a JSON object is needed, such as {\"certificate\": \"example.org\"}";
    return Errc::malformed;
  }
  const json::value* name = value.get_object().if_contains("certificate");
  const std::string wanted = name && name->is_string() ? base::to_lower(std::string_view(name->get_string())) : "";
  std::vector<std::string> asked;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [first, view] : views_) {
      const bool fits = wanted.empty() || std::find(view.names.begin(), view.names.end(), wanted) != view.names.end();
      if (fits) asked.push_back(first);
    }
  }
  if (asked.empty()) {
    why = wanted.empty() ? "no [[certificate]] has `acme = true`"
                         : "no [[certificate]] with `acme = true` has the name " + wanted;
    return Errc::not_found;
  }
  loop_.post([self = shared_from_this(), asked] {
    self->asked_.insert(asked.begin(), asked.end());
    self->desk_.doze.wake();
  });
  return json::serialize(json::object{{"asked", json::array(asked.begin(), asked.end())}});
}

}  // namespace genkan::acme
