#include "acme/acme.hpp"

#include <algorithm>

#include "acme/keeper.hpp"

namespace genkan::acme {

Acme::Acme(net::Loop& control, net::Resolver& resolver, base::Telemetry& telemetry, Hooks hooks)
    : keeper_(std::make_shared<Keeper>(control, resolver, telemetry, std::move(hooks))) {}

Acme::~Acme() = default;

Result<void> Acme::open(conf::ConfPtr conf, std::string& why) { return keeper_->open(std::move(conf), why); }

std::shared_ptr<http::Handler> Acme::guard(const conf::Conf& conf, std::shared_ptr<http::Handler> next) const {
  const bool wanted = conf.acme.challenge == "http-01" &&
                      std::any_of(conf.certificates.begin(), conf.certificates.end(),
                                  [](const conf::Certificate& certificate) { return certificate.acme; });
  if (!wanted) return next;
  return std::make_shared<ChallengeHandler>(keeper_->challenges(), std::move(next));
}

void Acme::start() { keeper_->start(); }
void Acme::refresh() { keeper_->refresh(); }
void Acme::stop() { keeper_->stop(); }

}  // namespace genkan::acme
