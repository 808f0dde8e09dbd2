#include "base/result.hpp"

namespace genkan {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "genkan"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::end_of_stream:
        return "the peer closed the connection early";
      case Errc::timed_out:
        return "timed out";
      case Errc::cancelled:
        return "cancelled";
      case Errc::too_large:
        return "over a size limit";
      case Errc::malformed:
        return "malformed input";
      case Errc::unsupported:
        return "not supported";
      case Errc::not_found:
        return "not found";
      case Errc::refused:
        return "refused";
      case Errc::exhausted:
        return "a resource is exhausted";
      case Errc::unavailable:
        return "unavailable";
      case Errc::tls_failed:
        return "TLS failed";
      case Errc::corrupt:
        return "stored data is corrupt";
      case Errc::conflict:
        return "the state changed meanwhile";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& genkan_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace genkan
