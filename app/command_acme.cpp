// `genkan acme`: the certificates that a running genkan orders by itself.
#include <sysexits.h>

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include "app/admin_client.hpp"
#include "app/commands.hpp"

namespace genkan::app {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kLongestWait = 15min;  // an order takes at most ten, and another may be before it

std::string text_of(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

bool is_valid(const json::object& o) {
  const json::value* v = o.if_contains("valid");
  return v && v->is_bool() && v->get_bool();
}

const json::array* certificates_of(const json::value& section) {
  const json::value* all = section.as_object().if_contains("certificates");
  return all ? all->if_array() : nullptr;
}

void print(const json::object& one) {
  const json::value* days = one.if_contains("days_left");
  const std::string left =
      days && days->is_number() ? std::to_string(static_cast<long>(days->to_number<double>())) : "-";
  std::printf("%-32s %-9s %9s  %-24s %s\n", text_of(one, "name").c_str(), text_of(one, "state").c_str(), left.c_str(),
              text_of(one, "next").c_str(), text_of(one, "next_why").c_str());
  if (text_of(one, "error").empty()) return;
  std::printf("    failed: %s\n    to do: %s\n", text_of(one, "error").c_str(), text_of(one, "advice").c_str());
}

// name -> when its last order ended.
std::map<std::string, std::string> ends_of(const json::value& section) {
  std::map<std::string, std::string> out;
  const json::array* all = certificates_of(section);
  for (std::size_t i = 0; all && i < all->size(); ++i) {
    const json::object& one = (*all)[i].as_object();
    out[text_of(one, "name")] = text_of(one, "last");
  }
  return out;
}

// Whether every order that was asked for has ended; tells of each that has, once, and takes it out of `asked`.
void tell_ended(const json::value& section, const std::map<std::string, std::string>& before,
                std::vector<std::string>& asked, int& status) {
  const json::array* all = certificates_of(section);
  for (std::size_t i = 0; all && i < all->size(); ++i) {
    const json::object& one = (*all)[i].as_object();
    const std::string name = text_of(one, "name");
    const auto found = std::find(asked.begin(), asked.end(), name);
    const auto ended = before.find(name);
    if (found == asked.end() || text_of(one, "state") == "ordering") continue;
    if (ended != before.end() && ended->second == text_of(one, "last")) continue;
    asked.erase(found);
    if (text_of(one, "error").empty()) {
      std::printf("%s: issued, good until %s\n", name.c_str(), text_of(one, "not_after").c_str());
    } else {
      std::fprintf(stderr, "%s: %s\nTo do: %s\n", name.c_str(), text_of(one, "error").c_str(),
                   text_of(one, "advice").c_str());
      status = EX_TEMPFAIL;
    }
  }
}

}  // namespace

int command_acme_status(const std::string& file, bool as_json) {
  int status = EX_OK;
  const auto value = fetch(file, "GET", "/api/v1/acme", "", status);
  if (!value) return status;
  const json::array* all = certificates_of(*value);
  const bool good = !all || std::all_of(all->begin(), all->end(), [](const json::value& one) {
    return is_valid(one.as_object()) && text_of(one.as_object(), "error").empty();
  });
  if (as_json) {
    std::printf("%s\n", json::serialize(*value).c_str());
  } else if (!all || all->empty()) {
    std::puts("No [[certificate]] has `acme = true`.");
  } else {
    std::printf("%-32s %-9s %9s  %-24s %s\n", "CERTIFICATE", "STATE", "DAYS LEFT", "NEXT ORDER", "WHY");
    for (const auto& one : *all) print(one.as_object());
  }
  return good ? EX_OK : EX_TEMPFAIL;
}

int command_acme_renew(const std::string& file, const std::string& name, bool wait) {
  int status = EX_OK;
  const auto section = fetch(file, "GET", "/api/v1/acme", "", status);
  if (!section) return status;
  const auto before = ends_of(*section);
  json::object arguments;
  if (!name.empty()) arguments["certificate"] = name;
  const auto answer = fetch(file, "POST", "/api/v1/actions/acme_renew", json::serialize(arguments), status);
  if (!answer) return status;
  std::vector<std::string> asked;
  const json::value* list = answer->as_object().if_contains("asked");
  for (std::size_t i = 0; list && list->is_array() && i < list->get_array().size(); ++i) {
    if (const json::string* one = list->get_array()[i].if_string()) asked.emplace_back(one->data(), one->size());
  }
  if (!wait) {
    for (const auto& one : asked) std::printf("%s: will be ordered\n", one.c_str());
    return EX_OK;
  }
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  while (!asked.empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(200ms);
    int asking = EX_OK;
    const auto now = fetch(file, "GET", "/api/v1/acme", "", asking);
    if (!now) return asking;
    tell_ended(*now, before, asked, status);
  }
  if (asked.empty()) return status;
  std::fprintf(stderr, "genkan: the order has not ended yet; see `genkan acme status`\n");
  return EX_TEMPFAIL;
}

}  // namespace genkan::app
