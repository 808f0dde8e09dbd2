#include "smtp/inbound/signing.hpp"

#include <algorithm>

#include "smtp/offloaded.hpp"
#include "smtp/route.hpp"

namespace genkan::smtp {

bool goes_on(const std::vector<ItemMeta>& items) noexcept {
  return std::any_of(items.begin(), items.end(), [](const ItemMeta& item) { return item.destination != kLocal; });
}

net::Task<void> sign_intake(Front& front, Intake& intake, const MessageAuth& auth, bool changed) {
  const auto* signer = &auth;
  std::unique_ptr<MessageAuth> again;
  if (changed) {
    auto octets = co_await intake.take_all();
    if (!octets) co_return;  // the intake remembers
    again = auth.anew();
    again->feed(std::string_view(*octets).substr(intake.own_header()));
    again->finish();
    co_await intake.put_all(std::move(*octets));
    if (again->header_too_large() || !again->signs()) co_return;
    signer = again.get();
  }
  auto job = [signer] { return signer->sign(); };
  auto fields = co_await offloaded<std::string>(front.shared.files, front.loop, std::move(job));
  if (!fields) {
    front.shared.telemetry.log.error("a message could not be signed",
                                     {{"id", id_text(intake.id())}, {"why", fields.error().message()}});
    co_return;
  }
  std::optional<std::string> header;
  if (!fields->empty()) co_await intake.put_fields(std::move(*fields), std::move(header), 0);
}

}  // namespace genkan::smtp
