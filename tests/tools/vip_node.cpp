// A node that has nothing but a virtual address: for the tests and measurements of fail-over, where the rest of Genkan
// would only be in the way. SIGTERM is a planned stop; a line on standard input is a command:
//   level N    how well this node serves from now on
//   status     prints the "vip" section of the status board as one line
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

#include "base/telemetry.hpp"
#include "base/text.hpp"
#include "conf/conf.hpp"
#include "vip/vip.hpp"

using namespace genkan;

namespace {

using Arguments = std::map<std::string, std::string, std::less<>>;

// --name=value
Arguments read_arguments(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view text = argv[i];
    const auto equals = text.find('=');
    if (!text.starts_with("--") || equals == std::string_view::npos) {
      std::cerr << "usage: vip_node --address=A/N --interface=I --vrid=N [--priority=N] [--interval=MS] [--preempt=0]"
                   " [--probe=0] [--checksum=F] [--peers=A,B] [--tun=0] [--realtime=0] [--level=N]\n";
      std::exit(2);
    }
    out[std::string(text.substr(2, equals - 2))] = text.substr(equals + 1);
  }
  return out;
}

long number(const Arguments& arguments, std::string_view name, long otherwise) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : std::atol(found->second.c_str());
}

std::string text(const Arguments& arguments, std::string_view name, std::string otherwise = {}) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : found->second;
}

conf::Vip read_vip(const Arguments& arguments) {
  conf::Vip vip;
  vip.name = "test";
  vip.address = text(arguments, "address");
  vip.interface = text(arguments, "interface");
  vip.vrid = static_cast<std::uint32_t>(number(arguments, "vrid", 51));
  vip.priority = static_cast<std::uint32_t>(number(arguments, "priority", 100));
  vip.advert_interval = std::chrono::milliseconds(number(arguments, "interval", 1000));
  vip.preempt = number(arguments, "preempt", 1) != 0;
  vip.probe = number(arguments, "probe", 1) != 0;
  vip.checksum = text(arguments, "checksum", "auto");
  base::each_in_list(text(arguments, "peers"), [&](std::string_view peer) { vip.peers.emplace_back(peer); });
  return vip;
}

void obey(vip::Vip& vip, std::string_view line) {
  if (line == "status") {
    std::cout << vip.status_json() << std::endl;
  } else if (line.starts_with("level ")) {
    vip.set_service_level(std::atoi(std::string(line.substr(6)).c_str()));
  }
}

// Until SIGTERM; the end of standard input is not the end.
void serve(vip::Vip& vip, int signals) {
  std::string input;
  pollfd fds[2] = {{signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  for (;;) {
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[0].revents != 0) return;
    char buffer[512];
    const auto got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) {
      fds[1].fd = -1;
      continue;
    }
    input.append(buffer, static_cast<std::size_t>(got));
    for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      obey(vip, std::string_view(input).substr(0, end));
      input.erase(0, end + 1);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = read_arguments(argc, argv);
  const conf::Vip wanted = read_vip(arguments);
  std::string why;
  auto options = vip::options_from(std::span(&wanted, 1), why);
  if (!options) {
    std::cerr << why << '\n';
    return 2;
  }
  options->tun = number(arguments, "tun", 1) != 0;
  options->realtime = number(arguments, "realtime", 1) != 0;
  auto launched = vip::launch(*options, why);
  if (!launched) {
    std::cerr << why << '\n';
    return 1;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  const int signals = ::signalfd(-1, &stop, SFD_CLOEXEC);

  base::Log log{base::LogOptions{}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};
  std::cout << "guardian " << launched->pid << std::endl;
  vip::Vip node(std::move(*launched), telemetry);
  node.set_service_level(static_cast<int>(number(arguments, "level", 100)));
  serve(node, signals);
  node.stop(Clock::now() + std::chrono::seconds(10));
  return 0;
}
