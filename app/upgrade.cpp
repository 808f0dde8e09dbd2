// A new program takes over from this one while it serves: the talk of app/handover.hpp, both sides of it.
//
// What must stay true: until the new process said "serving" everything can go back to what it was; the spool and the
// guardian have one owner at any time; no listening socket is ever closed before the other process has it.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "app/rooms.hpp"
#include "base/file.hpp"
#include "base/sd_notify.hpp"

extern char** environ;

namespace genkan::app {
namespace {

constexpr Duration kStart = 60s;    // for the new one to become ready
constexpr Duration kTurn = 120s;    // for the old one's mail to come to rest
constexpr Duration kServing = 60s;  // for the new one to read the spool
constexpr Duration kGo = 30s;
constexpr Duration kMailRest = 10s;  // for messages that are just being received
constexpr Duration kGentle = 5s;     // idle connections wait so long for the client's next request
constexpr Duration kStep = 100ms;

// Waits for one word of the other process. Its `failed` and its end are errors with a sentence.
Result<void> expect(Handover& talk, std::string_view word, Duration patience, const std::function<bool()>& interrupted,
                    std::string& why) {
  const Time deadline = Clock::now() + patience;
  for (;;) {
    auto message = talk.receive(std::min(deadline, Clock::now() + kStep));
    if (message && message->word == word) return {};
    if (message) {
      why = message->word == "failed" ? message->rest : "the other process said \"" + message->word + "\"";
      return Errc::refused;
    }
    if (message.error() != Errc::timed_out) {
      why = "the other process ended without a word";
      return message.error();
    }
    if (interrupted && interrupted()) {
      why = "a stop was asked for meanwhile";
      return Errc::cancelled;
    }
    if (Clock::now() >= deadline) {
      why = "the other process took too long (waited for \"" + std::string(word) + "\")";
      return Errc::timed_out;
    }
  }
}

// Starts the program with one more descriptor and no signal blocked. posix_spawn: a fork would copy the page tables of
// a process that serves.
Result<::pid_t> launch(const std::string& program, const std::string& file, int fd, std::string& why) {
  std::string name = "genkan", run = "run", option = "-c", path = file;
  char* argv[] = {name.data(), run.data(), option.data(), path.data(), nullptr};
  std::string variable = std::string(kHandoverVariable) + "=" + std::to_string(fd);
  std::vector<char*> environment;
  for (char** e = environ; *e; ++e) environment.push_back(*e);
  environment.push_back(variable.data());
  environment.push_back(nullptr);
  ::posix_spawn_file_actions_t actions;
  ::posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, fd, fd);  // only takes FD_CLOEXEC away
  ::sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  ::pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv, environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    why = "cannot start " + program + ": " + std::strerror(failed);
    return Error(failed, boost::system::system_category());
  }
  return pid;
}

// It has nothing that anybody needs.
void end_child(::pid_t pid, std::string& why) {
  int status = 0;
  const Time limit = Clock::now() + 2s;
  ::kill(pid, SIGTERM);
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (Clock::now() > limit) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(5ms);
  }
  if (WIFEXITED(status)) why += " (it ended with " + std::to_string(WEXITSTATUS(status)) + ")";
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGKILL)
    why += " (it was ended by signal " + std::to_string(WTERMSIG(status)) + ")";
}

}  // namespace

// --- the new process ---

Result<void> Site::Rooms::wait_for_turn(std::string& why) {
  if (auto sent = heritage->talk.send("ready"); !sent) return sent.error();
  if (auto turn = expect(heritage->talk, "yours", kTurn, {}, why); !turn) return turn.error();
  if (auto opened = service.open(*conf, channel_options(), why); !opened) return opened.error();
  workers.on_control([this] { service.refresh(); });
  return {};
}

Result<void> Site::Rooms::wait_for_go(std::string& why) {
  if (auto sent = heritage->talk.send("serving"); !sent) return sent.error();
  auto go = expect(heritage->talk, "go", kGo, {}, why);
  // When the old one died at this point, everything is ours all the same.
  if (!go && go.error() != Errc::end_of_stream) return go.error();
  if (vip::Launched* guardian = launched.get()) log.info("the guardian is taken over", {{"pid", guardian->pid}});
  for (const auto& left : {heritage->web.left(), heritage->admin.left(), heritage->smtp.left()}) {
    for (const auto& address : left) log.notice("no longer listened on", {{"address", address}});
  }
  return {};
}

void Site::Rooms::say_taken() {
  static_cast<void>(heritage->talk.send("taken"));
  heritage.reset();
}

// --- the old process ---

Result<void> Site::Rooms::send_heritage(Handover& talk) {
  if (auto sent = talk.send("begin", "1 " + std::to_string(::getpid())); !sent) return sent.error();
  Result<void> result;
  const auto give = [&](std::string_view word) {
    return [&, word](const net::ListenSocket& socket) {
      if (result) result = talk.send(word, socket.wanted().text(), socket.all_fds());
    };
  };
  web.each_socket(give("web"));
  mail.each_socket(give("smtp"));
  if (const auto* socket = operators.socket()) give("admin")(*socket);
  if (vip && result) {
    result =
        talk.send("vip", std::to_string(vip->guardian_pid()) + " " + vip::fingerprint(conf->vips), {vip->control_fd()});
  }
  return result ? talk.send("end") : result;
}

// Mail and channel come to rest, and the new one serves.
Result<void> Site::Rooms::rest(Handover& talk, const std::function<bool()>& interrupted, std::string& why) {
  workers.on_control([this] { service.rest_channel(); });
  mail.rest(Clock::now() + std::min<Duration>(kMailRest, conf->node.drain_timeout));
  if (auto sent = talk.send("yours"); !sent) {
    why = "the new process is gone";
    return sent.error();
  }
  if (auto serving = expect(talk, "serving", kServing, interrupted, why); !serving) return serving.error();
  if (vip) vip->let_go();
  if (auto sent = talk.send("go"); !sent) {
    why = "the new process is gone";
    return sent.error();
  }
  return expect(talk, "taken", kGo, {}, why);
}

void Site::Rooms::take_up() {
  if (!std::exchange(rests, false)) return;
  std::string why;
  if (vip) vip->take_up();
  if (auto opened = service.open(*conf, channel_options(), why); !opened) {
    log.error("the cluster channel could not be opened again", {{"why", why}});
  }
  workers.on_control([this] { service.refresh(); });
  if (auto resumed = mail.resume(conf, snapshot->tls, why); !resumed) {
    log.error("mail could not be taken up again", {{"why", why}});
  }
}

Result<void> Site::Rooms::hand_over(Handover& talk, const std::function<bool()>& interrupted, std::string& why) {
  if (auto sent = send_heritage(talk); !sent) {
    why = "the new process does not listen: " + sent.error().message();
    return sent.error();
  }
  if (auto ready = expect(talk, "ready", kStart, interrupted, why); !ready) return ready.error();
  rests = true;
  return rest(talk, interrupted, why);
}

// The next `genkan upgrade` knows this line from an older one by its number.
void Site::Rooms::note_outcome(const std::string& outcome) {
  static int serial = 0;
  const std::string line = std::to_string(::getpid()) + "." + std::to_string(++serial) + " " + outcome + "\n";
  if (auto written = base::write_file_durable(conf->node.run_dir + "/genkan.upgrade", line, 0644); !written) {
    log.warning("cannot write how the upgrade went", {{"error", written.error().message()}});
  }
}

bool Site::upgrade(const std::string& program, const std::string& file, const std::function<bool()>& interrupted,
                   std::string& why) {
  Rooms& r = *rooms_;
  r.log.notice("an upgrade begins", {{"program", program}});
  auto pair = Handover::pair();
  auto pid = pair ? launch(program, file, pair->second.fd(), why) : Result<::pid_t>(pair.error());
  if (pair) {
    Handover closed = std::move(pair->second);
  }
  bool done = false;
  if (pid) {
    done = r.hand_over(pair->first, interrupted, why).has_value();
    if (!done) end_child(*pid, why);
  }
  if (!done) {
    r.take_up();
    r.log.error("the upgrade failed: this process serves on", {{"why", why}});
    r.note_outcome("failed " + why);
    return false;
  }
  base::sd_notify("MAINPID=" + std::to_string(*pid));
  r.pid_file.clear();
  r.log.notice("the new process serves", {{"pid", *pid}});
  r.note_outcome("done " + std::to_string(*pid));
  return true;
}

void Site::retire(const std::function<bool()>& hurry) {
  Rooms& r = *rooms_;
  r.status.set_ready(false, "replaced by an upgrade");
  if (r.vip) r.workers.on_control([&r] { r.workers.control().wheel().cancel(r.gauge); });
  r.web.stop_accepting(false);
  r.operators.hand_over();
  r.web.drain(std::min<Duration>(kGentle, r.conf->node.upgrade_drain));
  Time deadline = Clock::now() + r.conf->node.upgrade_drain;
  bool hurried = false;
  while (r.web.sessions() > 0 && Clock::now() < deadline) {
    std::this_thread::sleep_for(10ms);
    if (!hurried && hurry()) {
      hurried = true;
      deadline = std::min(deadline, Clock::now() + r.conf->node.drain_timeout);
    }
  }
  r.end(Clock::now());
  r.log.notice("the old process has ended");
}

}  // namespace genkan::app
