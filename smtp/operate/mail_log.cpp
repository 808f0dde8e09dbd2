#include "smtp/operate/mail_log.hpp"

#include <system_error>

#include "base/log_format.hpp"

namespace genkan::smtp {

Result<std::unique_ptr<MailLog>> MailLog::open(const std::string& path, bool json, net::Syslog* syslog,
                                               std::string& why) {
  std::unique_ptr<base::LineFile> file;
  try {
    if (!path.empty()) file = std::make_unique<base::LineFile>(path);
  } catch (const std::system_error& error) {
    why = "cannot open the mail log " + path + ": " + error.code().message();
    return Error(error.code().value(), boost::system::system_category());
  }
  return std::unique_ptr<MailLog>(new MailLog(std::move(file), json, syslog));
}

void MailLog::write(std::string_view event, std::initializer_list<base::Field> fields) {
  if (!file_ && !(syslog_ && syslog_->takes_mail_log())) return;
  base::LogLine line;
  line.time = WallClock::now();
  line.message = event;
  line.fields = std::span<const base::Field>(fields.begin(), fields.size());
  std::string text;
  if (json_) {
    base::format_json(line, text);
  } else {
    base::format_text(line, false, text);
  }
  if (file_) file_->write(text);
  if (syslog_ && syslog_->takes_mail_log()) syslog_->write("mail", base::syslog_severity(base::Level::info), text);
}

void MailLog::reopen() {
  if (file_) (void)file_->reopen();
}

}  // namespace genkan::smtp
