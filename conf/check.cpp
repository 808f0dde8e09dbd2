#include "conf/check.hpp"

#include "conf/log_format.hpp"

#include <utility>

#include "base/address.hpp"
#include "base/text.hpp"

namespace genkan::conf {

void Checker::add(std::string_view path, std::string what, std::string hint, bool warning) {
  if (failed_.contains(path)) return;
  const Place place = conf.place(path);
  const std::string file = place.file < conf.files.size() ? conf.files[place.file] : std::string();
  problems_.push_back({file, place.line, place.column, std::move(what), std::move(hint), warning});
}

void Checker::error(std::string_view path, std::string what, std::string hint) {
  add(path, std::move(what), std::move(hint), false);
}

void Checker::warning(std::string_view path, std::string what, std::string hint) {
  add(path, std::move(what), std::move(hint), true);
}

void Names::add(const std::string& name, const std::string& path) {
  if (name.empty()) return;
  const auto [found, fresh] = paths_.try_emplace(name, path);
  if (!fresh) {
    check_.error(path, "the " + std::string(kind_) + " `" + name + "` is there twice",
                 "the other one is at " + check_.conf.where(found->second));
  }
}

std::string at(std::string_view list, std::size_t index, std::string_view name) {
  std::string out = std::string(list) + "[" + std::to_string(index) + "]";
  if (!name.empty()) out += "." + std::string(name);
  return out;
}

std::string nearest_hint(const std::string& wrong, const std::vector<std::string_view>& names) {
  if (wrong.size() < 2) return {};  // every one-letter name is near to every other
  const auto near = base::nearest(wrong, names);
  return near.empty() ? std::string() : "did you mean `" + std::string(near) + "`?";
}

namespace {

// No two sockets of one kind may be bound to the same address.
void check_addresses(Checker& check) {
  const Conf& conf = check.conf;
  Names taken(check, "address");
  const auto add = [&](const std::string& address, const std::string& path) {
    const auto endpoint = base::Endpoint::parse(address);
    if (!endpoint || (!endpoint->is_unix() && endpoint->port == 0)) return;  // port 0: any free one
    taken.add(endpoint->text(), path);
  };
  for (std::size_t i = 0; i < conf.listens.size(); ++i) {
    for (const auto& address : conf.listens[i].address) add(address, at("listen", i, "address"));
  }
  if (conf.smtp.enabled) {
    for (std::size_t i = 0; i < conf.smtp.listens.size(); ++i) {
      for (const auto& address : conf.smtp.listens[i].address) add(address, at("smtp.listen", i, "address"));
    }
  }
  if (conf.admin.enabled) add(conf.admin.listen, "admin.listen");
}

}  // namespace

void check_access_log(Checker& check) {
  std::string why;
  if (!parse_log_format(check.conf.access_log.format, why)) {
    check.error("access_log.format", why, "\"combined\", \"json\", or a text such as \"{client} {status} {target}\"");
  }
}

void check_all(const Conf& conf, std::vector<Problem>& problems, std::set<std::string, std::less<>> failed) {
  Checker check(conf, problems, std::move(failed));
  check_addresses(check);
  check_access_log(check);
  check_listeners(check);
  check_tls(check);
  check_acme(check);
  check_pools(check);
  check_routes(check);
  check_cluster(check);
  check_vips(check);
  check_smtp(check);
  check_webmail(check);
}

}  // namespace genkan::conf
