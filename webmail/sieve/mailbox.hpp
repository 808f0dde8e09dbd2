// Names of mailboxes as scripts write them: "INBOX" in any case is the inbox, levels by '/', UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace genkan::webmail::sieve {

bool valid_mailbox(std::string_view name) noexcept;
// The folder on the disk (maildir.hpp); empty: the inbox. Of a valid name.
std::string mailbox_folder(std::string_view name);

}  // namespace genkan::webmail::sieve
