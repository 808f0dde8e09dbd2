// What one directive alone can't show: names that must exist or be unique, directives that need or exclude each other.
// Pure: looks at the Conf only. What needs the host is in check_host (conf/reader.hpp).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader.hpp"

namespace genkan::conf {

// Collects problems at the places of directives.
class Checker {
 public:
  // `failed`: directives whose value could not be read. An error about one of them would only repeat that.
  Checker(const Conf& checked, std::vector<Problem>& problems, std::set<std::string, std::less<>> failed = {})
      : conf(checked), problems_(problems), failed_(std::move(failed)) {}

  // `path` as in Conf::places: "pool[0].scheduler".
  void error(std::string_view path, std::string what, std::string hint = {});
  void warning(std::string_view path, std::string what, std::string hint = {});
  bool written(std::string_view path) const { return conf.places.find(path) != conf.places.end(); }

  const Conf& conf;

 private:
  void add(std::string_view path, std::string what, std::string hint, bool warning);
  std::vector<Problem>& problems_;
  std::set<std::string, std::less<>> failed_;
};

// Complains when `name` was given before to another one of its kind ("pool").
class Names {
 public:
  Names(Checker& check, std::string_view kind) : check_(check), kind_(kind) {}
  void add(const std::string& name, const std::string& path);

 private:
  Checker& check_;
  std::string_view kind_;
  std::map<std::string, std::string> paths_;
};

std::string at(std::string_view list, std::size_t index, std::string_view name = {});  // "pool[0].name"
std::string nearest_hint(const std::string& wrong, const std::vector<std::string_view>& names);

void check_access_log(Checker& check);
void check_listeners(Checker& check);
void check_tls(Checker& check);
void check_acme(Checker& check);
void check_pools(Checker& check);
void check_pool_choice(Checker& check, const Pool& pool, const std::string& place);
void check_routes(Checker& check);
void check_cluster(Checker& check);
void check_vips(Checker& check);
void check_smtp(Checker& check);
void check_webmail(Checker& check);
void check_all(const Conf& conf, std::vector<Problem>& problems, std::set<std::string, std::less<>> failed = {});

}  // namespace genkan::conf
