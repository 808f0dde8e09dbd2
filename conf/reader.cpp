#include "conf/reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "conf/check.hpp"
#include "conf/fill.hpp"
#include "conf/sources.hpp"

namespace genkan::conf {
namespace {

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

// Defaults that depend on other directives.
void derive(Conf& conf) {
  if (conf.node.name.empty()) conf.node.name = host_name();
  if (conf.node.run_dir.empty()) conf.node.run_dir = conf.node.state_dir + "/run";
  if (conf.smtp.hostname.empty()) conf.smtp.hostname = conf.node.name;
  for (auto& listen : conf.listens) {
    if (listen.name.empty() && !listen.address.empty()) listen.name = listen.address.front();
  }
  for (auto& listen : conf.smtp.listens) {
    if (listen.name.empty() && !listen.address.empty()) listen.name = listen.address.front();
  }
  for (auto& pool : conf.pools) {
    for (auto& backend : pool.backends) {
      if (backend.name.empty()) backend.name = backend.address;
    }
  }
  for (std::size_t i = 0; i < conf.routes.size(); ++i) {
    auto& route = conf.routes[i];
    route.where = conf.where("route[" + std::to_string(i) + "]");
    if (route.name.empty()) route.name = route.where;
  }
  for (auto& vip : conf.vips) {
    if (vip.name.empty()) vip.name = vip.address;
  }
  if (conf.cache.purge_from.empty()) {
    for (const char* loopback : {"127.0.0.0/8", "::1"}) {
      if (auto cidr = base::Cidr::parse(loopback)) conf.cache.purge_from.push_back(*cidr);
    }
  }
}

ReadResult finish(Sources sources, std::vector<Problem> problems) {
  auto conf = std::make_shared<Conf>();
  conf->files = std::move(sources.files);
  auto failed = fill(*conf, sources.root, problems);
  derive(*conf);
  // A reference to something in a file that could not be read would be one false complaint after another.
  if (!sources.broken) check_all(*conf, problems, std::move(failed));
  const auto& files = conf->files;
  const auto order = [&](const Problem& p) {
    return std::tuple(std::find(files.begin(), files.end(), p.file) - files.begin(), p.line, p.column);
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const Problem& a, const Problem& b) { return order(a) < order(b); });
  const bool any_error = std::any_of(problems.begin(), problems.end(), [](const Problem& p) { return !p.warning; });
  ReadResult result;
  if (!any_error) result.conf = std::move(conf);
  result.problems = std::move(problems);
  return result;
}

}  // namespace

std::string Problem::text() const {
  std::string out = file;
  if (line != 0) {
    out += ":" + std::to_string(line);
    if (column != 0) out += ":" + std::to_string(column);
  }
  if (!out.empty()) out += ": ";
  out += (warning ? "warning: " : "error: ") + what;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

ReadResult read_file(const std::string& path) {
  std::vector<Problem> problems;
  const Environment environment = process_environment();
  SourceReader reader(environment, problems);
  Sources sources = reader.read_file(path);
  return finish(std::move(sources), std::move(problems));
}

ReadResult read_text(std::string_view toml, const std::string& name) {
  std::vector<Problem> problems;
  const Environment environment = process_environment();
  SourceReader reader(environment, problems);
  Sources sources = reader.read_text(toml, name);
  return finish(std::move(sources), std::move(problems));
}

}  // namespace genkan::conf
