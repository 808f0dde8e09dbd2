// Signatures of our own on a message that is about to be stored: DKIM for our users, an ARC seal on what goes on.
#pragma once

#include <vector>

#include "smtp/auth/message_auth.hpp"
#include "smtp/inbound/front.hpp"
#include "smtp/inbound/intake.hpp"

namespace genkan::smtp {

// Whether any of it leaves this node's mailboxes.
bool goes_on(const std::vector<ItemMeta>& items) noexcept;

// Puts the signatures on top. `changed`: the content is no longer what `auth` saw, and is read once more. A failure is
// logged, and the message goes unsigned.
net::Task<void> sign_intake(Front& front, Intake& intake, const MessageAuth& auth, bool changed);

}  // namespace genkan::smtp
